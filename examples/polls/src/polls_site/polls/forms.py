from django import forms


class AttachmentForm(forms.Form):
    file = forms.FileField(max_length=200)
