/*
 * A PC/SC library with two readers, of which the second has a card, as a C compiler
 * makes it with the types and the packing of one system: -DLINUX, -DDARWIN or
 * -DWINDOWS. It refuses whatever does not arrive as it should.
 *
 * The types are those of pcsclite.h, wintypes.h and winscard.h. Functions that end in
 * W on Windows do not here.
 */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#if defined LINUX
typedef unsigned long DWORD;
typedef long LONG, HANDLE;
typedef char TCHAR;
#define ATR 33
#define T(s) s
#define HANDLE_OF(n) ((HANDLE)(n))
#define CTL(n) (0x42000000 + (n))
#define DIRECT 0
#elif defined DARWIN
typedef uint32_t DWORD;
typedef int32_t LONG, HANDLE;
typedef char TCHAR;
#define ATR 33
#define T(s) s
#define HANDLE_OF(n) ((HANDLE)(uint32_t)(n)) /* may be negative */
#define CTL(n) (0x42000000 + (n))
#define DIRECT 3
#define SCardControl SCardControl132
#elif defined WINDOWS
typedef uint32_t DWORD;
typedef int32_t LONG;
typedef uintptr_t HANDLE;
typedef uint16_t TCHAR;
#define ATR 36
#define T(s) (const TCHAR *)u##s
#define HANDLE_OF(n) ((HANDLE)(n))
#define CTL(n) (0x310000 | (n) << 2)
#define DIRECT 0
#endif

#ifdef DARWIN
#pragma pack(push, 1)
#endif
typedef struct {
	const TCHAR *szReader;
	void *pvUserData;
	DWORD dwCurrentState, dwEventState, cbAtr;
	unsigned char rgbAtr[ATR];
} SCARD_READERSTATE;
typedef struct {
	DWORD dwProtocol, cbPciLength;
} SCARD_IO_REQUEST;
#ifdef DARWIN
#pragma pack(pop)
#endif

#define OK 0
#define CANCELLED ((LONG)0x80100002)
#define INVALID_HANDLE ((LONG)0x80100003)
#define INSUFFICIENT ((LONG)0x80100008)
#define UNKNOWN_READER ((LONG)0x80100009)
#define TIMEOUT ((LONG)0x8010000A)
#define NO_SMARTCARD ((LONG)0x8010000C)
#define WRONG ((LONG)0x80100011) /* SCARD_E_INVALID_VALUE */

#define CONTEXT HANDLE_OF(0x9122334455667788u & UINTPTR_MAX)
#define CARD HANDLE_OF(0x99AABBCC8DEEFF01u & UINTPTR_MAX)
static const unsigned char atr[] = {0x3B, 0x81, 0x80, 0x01, 0x80, 0x80};
static volatile int cancelled;

static int length(const TCHAR *s) {
	int n = 0;
	while (s[n]) n++;
	return n + 1;
}

static int same(const TCHAR *a, const TCHAR *b) {
	return (uintptr_t)a % sizeof(TCHAR) == 0 && length(a) == length(b) && !memcmp(a, b, length(a) * sizeof(TCHAR));
}

static const TCHAR *reader(int i) { return i ? T("Second PICC 1") : T("L\u00e4ser \U0001F600 PICC 0"); }

LONG SCardEstablishContext(DWORD scope, const void *a, const void *b, HANDLE *context) {
	if (scope != 2 || a || b) return WRONG;
	cancelled = 0;
	*context = CONTEXT;
	return OK;
}

LONG SCardReleaseContext(HANDLE c) { return c == CONTEXT ? OK : INVALID_HANDLE; }
LONG SCardIsValidContext(HANDLE c) { return c == CONTEXT ? OK : INVALID_HANDLE; }

LONG SCardCancel(HANDLE c) {
	if (c != CONTEXT) return INVALID_HANDLE;
	cancelled = 1;
	return OK;
}

LONG SCardListReaders(HANDLE c, const TCHAR *groups, TCHAR *out, DWORD *n) {
	DWORD need = length(reader(0)) + length(reader(1)) + 1;
	if (c != CONTEXT) return INVALID_HANDLE;
	if (groups) return WRONG;
	if (*n < need) return *n = need, INSUFFICIENT;
	for (int i = 0; i < 2; i++) {
		memcpy(out, reader(i), length(reader(i)) * sizeof(TCHAR));
		out += length(reader(i));
	}
	*out = 0;
	*n = need;
	return OK;
}

LONG SCardGetStatusChange(HANDLE c, DWORD timeout, SCARD_READERSTATE *s, DWORD n) {
	int changed = 0;
	if (c != CONTEXT) return INVALID_HANDLE;
	for (DWORD i = 0; i < n; i++) {
		DWORD event;
		if (s[i].pvUserData) return WRONG;
		s[i].cbAtr = 0;
		if (same(s[i].szReader, T("\\\\?PnP?\\Notification"))) {
#ifdef DARWIN
			return WRONG; /* nobody should ask */
#endif
			event = 2 << 16;
		} else if (same(s[i].szReader, reader(0))) {
			event = 5 << 16 | 0x10;
		} else if (same(s[i].szReader, reader(1))) {
			event = 3 << 16 | 0x20;
			memset(s[i].rgbAtr, 0xEE, sizeof s[i].rgbAtr); /* all of it is there */
			memcpy(s[i].rgbAtr, atr, sizeof atr);
			s[i].cbAtr = sizeof atr;
		} else {
			return UNKNOWN_READER;
		}
		if (s[i].dwCurrentState != event) changed = 1, event |= 2;
		s[i].dwEventState = event;
	}
	if (changed) return OK;
	for (DWORD waited = 0; timeout == 0xFFFFFFFF || waited < timeout; waited++) {
		if (cancelled) return CANCELLED;
		usleep(1000);
	}
	return TIMEOUT;
}

LONG SCardConnect(HANDLE c, const TCHAR *r, DWORD share, DWORD protocols, HANDLE *card, DWORD *protocol) {
	if (c != CONTEXT) return INVALID_HANDLE;
	if (!same(r, reader(1))) return same(r, reader(0)) ? NO_SMARTCARD : UNKNOWN_READER;
	if (share < 1 || share > 3 || protocols != (share == 3 ? DIRECT : 3)) return WRONG;
	*card = CARD;
	*protocol = share == 3 ? 0 : 2;
	return OK;
}

LONG SCardReconnect(HANDLE h, DWORD share, DWORD protocols, DWORD initialization, DWORD *protocol) {
	if (h != CARD) return INVALID_HANDLE;
	if (share != 1 || protocols != 3 || initialization != 1) return WRONG;
	*protocol = 2;
	return OK;
}

LONG SCardDisconnect(HANDLE h, DWORD disposition) { return h != CARD ? INVALID_HANDLE : disposition <= 1 ? OK : WRONG; }
LONG SCardBeginTransaction(HANDLE h) { return h == CARD ? OK : INVALID_HANDLE; }
LONG SCardEndTransaction(HANDLE h, DWORD disposition) { return h != CARD ? INVALID_HANDLE : disposition ? WRONG : OK; }

LONG SCardTransmit(HANDLE h, const SCARD_IO_REQUEST *pci, const unsigned char *in, DWORD n, SCARD_IO_REQUEST *back, unsigned char *out, DWORD *m) {
	if (h != CARD) return INVALID_HANDLE;
	if (pci->dwProtocol != 2 || pci->cbPciLength != sizeof *pci || back) return WRONG;
	if (*m < n + 2) return INSUFFICIENT;
	memcpy(out, in, n); /* the card says what it heard, and 9100 */
	out[n] = 0x91, out[n + 1] = 0x00;
	*m = n + 2;
	return OK;
}

LONG SCardControl(HANDLE h, DWORD code, const void *in, DWORD n, void *out, DWORD m, DWORD *got) {
	static const unsigned char properties[] = {0x0A, 4, 0x00, 0x08, 0x00, 0x00}; /* 2048 bytes */
	DWORD own = CTL(3500);
	unsigned char features[] = {0x12, 4, own >> 24, own >> 16, own >> 8, own};
	if (h != CARD) return INVALID_HANDLE;
	*got = 6;
	if (m < 6 || n || (in && !n)) return WRONG;
	if (code == CTL(3400)) memcpy(out, features, 6);
	else if (code == own) memcpy(out, properties, 6);
	else return WRONG;
	return OK;
}

LONG SCardStatus(HANDLE h, TCHAR *r, DWORD *n, DWORD *state, DWORD *protocol, unsigned char *a, DWORD *m) {
	DWORD need = length(reader(1)) + 1;
	if (h != CARD) return INVALID_HANDLE;
	if (*n < need || *m < sizeof atr || *m > ATR) return INSUFFICIENT;
	memcpy(r, reader(1), (need - 1) * sizeof(TCHAR));
	r[need - 1] = 0;
	*n = need, *state = 6, *protocol = 2;
	memcpy(a, atr, sizeof atr);
	*m = sizeof atr;
	return OK;
}

LONG SCardGetAttrib(HANDLE h, DWORD id, unsigned char *a, DWORD *n) {
	if (h != CARD) return INVALID_HANDLE;
	if (id != 0x00090303 || *n < sizeof atr) return WRONG;
	memcpy(a, atr, sizeof atr);
	*n = sizeof atr;
	return OK;
}
