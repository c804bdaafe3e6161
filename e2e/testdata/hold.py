"""Holds the card of a reader exclusively until a line comes on standard input."""
import sys
from smartcard.scard import *


def check(what, code):
    if code != SCARD_S_SUCCESS:
        sys.exit("%s: %s" % (what, SCardGetErrorMessage(code)))


code, context = SCardEstablishContext(SCARD_SCOPE_USER)
check("establish", code)
code, card, protocol = SCardConnect(
    context, sys.argv[1], SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1)
check("connect", code)
print("held", flush=True)
sys.stdin.readline()
check("disconnect", SCardDisconnect(card, SCARD_LEAVE_CARD))
check("release", SCardReleaseContext(context))
print("released", flush=True)
