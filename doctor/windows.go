package doctor

import (
	"context"
	"regexp"
	"strings"
)

// The names of values are those of the language of Windows; numbers and names of
// states are not.
var (
	state     = regexp.MustCompile(`(?m)^\s*\S+\s*:\s*([1-7])\s+[A-Z_]+\s*$`)
	startType = regexp.MustCompile(`(?m)^\s*\S+\s*:\s*([0-4])\s+(?:[A-Z_]+_START|DISABLED)`)
)

// noWindowsService finds out why SCardSvr does not serve.
func (x *exam) noWindowsService() {
	if x.remoteSession() {
		x.find("windows-remote", "SESSIONNAME="+x.m.Getenv("SESSIONNAME"), "", "")
		return
	}
	sc := func(verb string) (string, error) {
		return ask(x, question, func(ctx context.Context) (string, error) { return x.m.Run(ctx, "sc.exe", verb, "SCardSvr") })
	}
	setup, err := sc("qc")
	if err != nil && strings.Contains(setup, "1060") { // ERROR_SERVICE_DOES_NOT_EXIST
		x.find("service-missing", "SCardSvr", "Windows has no service for smart cards", "")
		return
	}
	if err != nil {
		x.find("service-off", "SCardSvr", "the service for smart cards does not answer", windowsStart)
		x.find("unseen-service", "sc.exe", "how the service is set up could not be asked: "+err.Error(), "")
		return
	}
	if m := startType.FindAllStringSubmatch(setup, -1); len(m) > 0 && m[len(m)-1][1] == "4" {
		x.find("windows-disabled", "SCardSvr", "", "")
		return
	}
	if now, err := sc("query"); err == nil {
		if m := state.FindStringSubmatch(now); m != nil && m[1] == "4" {
			x.find("service-hangs", "SCardSvr", "the service for smart cards runs, and refuses to serve", "sc stop SCardSvr && sc start SCardSvr")
			return
		}
	}
	x.find("service-off", "SCardSvr", "the service for smart cards does not run: Windows starts it with the first reader that is plugged in", windowsStart)
}

const windowsStart = "sc start SCardSvr"

// noWindowsReader finds out why Windows has no reader.
func (x *exam) noWindowsReader() {
	if x.remoteSession() {
		x.find("windows-remote", "SESSIONNAME="+x.m.Getenv("SESSIONNAME"), "", "")
		return
	}
	x.find("reader-none", "USB", "", "plug one in; if one is plugged in, look for it in Device Manager under smart card readers, and install its maker's driver")
}

// remoteSession reports whether this is a session of Remote Desktop, which has the
// readers of the computer in front of which its person sits.
func (x *exam) remoteSession() bool {
	return strings.HasPrefix(strings.ToUpper(x.m.Getenv("SESSIONNAME")), "RDP-")
}
