import secrets

from django.db.models import F, Sum
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST, require_safe

from polls_site.polls.forms import AttachmentForm
from polls_site.polls.models import Attachment, Choice, Question


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks no database, so that it says so before the first migration too."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    questions = Question.objects.annotate(votes=Sum("choices__votes", default=0))[:50]
    return render(request, "polls/index.html", {"questions": questions})


@require_safe
def detail(request: HttpRequest, question_id: int) -> HttpResponse:
    question = get_object_or_404(Question, pk=question_id)
    return _page(request, question, AttachmentForm())


@require_POST
def vote(request: HttpRequest, question_id: int, choice_id: int) -> HttpResponse:
    choice = Choice.objects.filter(question=question_id, pk=choice_id)
    if not choice.update(votes=F("votes") + 1):
        raise Http404
    return redirect("detail", question_id)


@require_POST
def attach(request: HttpRequest, question_id: int) -> HttpResponse:
    question = get_object_or_404(Question, pk=question_id)
    form = AttachmentForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, question, form, status=400)
    file = form.cleaned_data["file"]
    attachment = Attachment(question=question, name=file.name)
    attachment.file.save(secrets.token_hex(16), file)
    return redirect("detail", question_id)


@require_GET
def attachment(request: HttpRequest, attachment_id: int) -> FileResponse:
    """Uploads are never public: this answer is the only way to them, and always a download."""
    found = get_object_or_404(Attachment, pk=attachment_id)
    return FileResponse(found.file.open(), as_attachment=True, filename=found.name)


def _page(request: HttpRequest, question: Question, form: AttachmentForm, status: int = 200) -> HttpResponse:
    choices = list(question.choices.all())
    most = max((choice.votes for choice in choices), default=0) or 1
    bars = [(choice, round(100 * choice.votes / most)) for choice in choices]
    return render(request, "polls/detail.html", {"question": question, "bars": bars, "form": form}, status=status)
