"""Where Twilio reports what became of a text. It never decides whether a code is good."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from twilio.request_validator import RequestValidator

from accounts import letters
from accounts.purposes import Purpose, serves
from twofactor import texts


@serves(Purpose.MACHINE)
@csrf_exempt
@require_POST
def twilio_status(request: HttpRequest) -> HttpResponse:
    """Note the state of one text, if Twilio signed the report for exactly this address."""
    if not is_signed(request):
        return HttpResponse(status=403)
    texts.note_report(
        reference=request.GET.get("text", ""),
        provider_id=request.POST.get("MessageSid", ""),
        status=request.POST.get("MessageStatus", ""),
        error=request.POST.get("ErrorCode", ""),
        now=timezone.now(),
    )
    return HttpResponse(status=204)


def is_signed(request: HttpRequest) -> bool:
    """Check the signature over our public address, whatever host the request names."""
    if not settings.TWILIO_AUTH_TOKEN:
        return False
    validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)
    signature = request.headers.get("X-Twilio-Signature", "")
    url = letters.absolute(request.get_full_path())
    return bool(validator.validate(url, request.POST, signature))
