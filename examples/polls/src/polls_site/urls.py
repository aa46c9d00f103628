from django.urls import path

from polls_site.polls import views

urlpatterns = [
    path("", views.index, name="index"),
    path("healthz", views.healthz, name="healthz"),
    path("<int:question_id>/", views.detail, name="detail"),
    path("<int:question_id>/<int:choice_id>/vote", views.vote, name="vote"),
    path("<int:question_id>/attach", views.attach, name="attach"),
    path("attachments/<int:attachment_id>", views.attachment, name="attachment"),
]
