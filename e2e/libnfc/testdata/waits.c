/* Loaded in front of libnfc: it waits for a PN532 by select, for a third of a second
 * and less, and takes what comes later for the answer to its next command. A busy
 * machine may need that long to pass the bytes on, so each wait is FACTOR times as long. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/select.h>

#define FACTOR 20

int select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *t)
{
	static int (*next)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
	struct timeval longer;

	if (!next)
		next = (int (*)(int, fd_set *, fd_set *, fd_set *, struct timeval *))dlsym(RTLD_NEXT, "select");
	if (t) {
		long long us = (t->tv_sec * 1000000LL + t->tv_usec) * FACTOR;
		longer.tv_sec = us / 1000000;
		longer.tv_usec = us % 1000000;
		t = &longer;
	}
	return next(n, r, w, e, t);
}
