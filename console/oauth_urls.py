"""Where Act-On sends browsers back to."""

from django.urls import path

from console import oauth

app_name = "oauth"
urlpatterns = [path("callback", oauth.callback, name="callback")]
