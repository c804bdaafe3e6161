package main

import (
	"bufio"
	"bytes"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// leanHeap is from where on the heap of an agent is collected often.
const leanHeap = 16 << 20

// lean makes a program small that is there for months and does little. What of the
// program itself was mapped, and is not used any more after its start, is given back:
// the system maps it again, out of the file, where it is.
func lean() {
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(leanHeap)
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	for _, m := range unchanged(text, exe) {
		giveBack(m.from, m.to)
	}
	debug.FreeOSMemory()
}

// span is a part of the address space.
type span struct{ from, to uintptr }

// unchanged are the mappings of a file that are as they are in it: nothing can be, or was,
// written there. A page that was would be lost.
func unchanged(smaps []byte, path string) (list []span) {
	var at span
	mine := false
	for s := bufio.NewScanner(bytes.NewReader(smaps)); s.Scan(); {
		line := s.Text()
		f := strings.Fields(line)
		if len(f) > 0 && !strings.HasSuffix(f[0], ":") { // the first line of a mapping
			from, to, ok := strings.Cut(f[0], "-")
			a, errA := strconv.ParseUint(from, 16, 64)
			b, errB := strconv.ParseUint(to, 16, 64)
			mine = ok && errA == nil && errB == nil && len(f) >= 6 && strings.HasPrefix(f[1], "r") && f[1][1] == '-' && strings.HasSuffix(line, " "+path)
			at = span{uintptr(a), uintptr(b)}
			continue
		}
		if mine && len(f) == 3 && f[0] == "Anonymous:" && f[1] == "0" {
			list = append(list, at)
		}
	}
	return list
}

// piece is how much of the program is mapped at a time.
const piece = 64 << 10

// giveBack lets the system forget pages. Later it would map whole runs of them again, as
// large as they are in its cache, where one of them is wanted, and with some systems that
// is all of the program. So every other piece is made one that differs, in whether it is in
// a core dump, where such pages never are: no run is longer than a piece then.
func giveBack(from, to uintptr) {
	for at := from; at < to; {
		end := min(at-at%piece+piece, to)
		advice := uintptr(unix.MADV_DODUMP)
		if at/piece%2 == 1 {
			advice = unix.MADV_DONTDUMP
		}
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, at, end-at, advice)
		at = end
	}
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
}
