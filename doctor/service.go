package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/pcsc"
)

func itoa(n int) string { return strconv.Itoa(n) }

const defaultSocket = "/run/pcscd/pcscd.comm"

// socket is where the library looks for pcscd; empty on systems without one.
func (x *exam) socket() string {
	if x.m.System() != "linux" {
		return ""
	}
	if name := x.m.Getenv("PCSCLITE_CSOCK_NAME"); name != "" {
		return name
	}
	return defaultSocket
}

// noService finds out why the service does not serve.
func (x *exam) noService(err error, code pcsc.Error) {
	switch x.m.System() {
	case "windows":
		x.noWindowsService()
		return
	case "linux":
	default:
		x.find("service-off", "", err.Error(), nextOf(err))
		return
	}
	socket := x.socket()
	info, statErr := fs.Stat(x.files, inRoot(socket))
	if statErr == nil && info.Mode()&fs.ModeSocket == 0 {
		statErr = fs.ErrNotExist
	}
	elsewhere := socket != defaultSocket
	switch {
	case errors.Is(statErr, fs.ErrPermission):
		x.find("socket-permission", socket, "", "")
	case statErr != nil && elsewhere:
		x.find("socket-elsewhere", socket, "", "")
		if len(x.named("pcscd")) == 0 {
			x.serviceParts()
		}
	case statErr != nil && x.container() != "" && x.pcscd() == "":
		x.noSocketInside()
	case statErr != nil:
		x.serviceParts()
	default:
		x.silent(socket, err, code)
	}
}

// silent judges a socket that is there.
func (x *exam) silent(socket string, err error, code pcsc.Error) {
	_, dialed := ask(x, question, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, x.m.Dial(ctx, "unix", socket)
	})
	switch {
	case errors.Is(dialed, errSlow):
		x.hangs()
	case errors.Is(dialed, fs.ErrPermission):
		x.find("socket-permission", socket, "", "")
	case refused(dialed):
		line := "sudo rm " + quotedPath(socket) + " && sudo pcscd"
		if x.systemd() {
			line = "sudo systemctl restart pcscd.socket"
		}
		x.find("socket-dead", socket, "", line)
	case code == codeServiceStopped:
		x.find("service-version", socket, "", x.versionLine())
	default:
		x.find("service-fails", socket, "pcscd is there, and breaks off: "+err.Error(), "")
	}
}

func (x *exam) versionLine() string {
	if x.container() != "" {
		return "build the container from the release of the distribution that the machine outside has, so that both have one pcsc-lite"
	}
	return ""
}

// quotedPath is a path that goes into a line for a shell.
func quotedPath(path string) string {
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// serviceParts finds out which part of the service is missing.
func (x *exam) serviceParts() {
	if x.m.System() != "linux" || x.container() == "flatpak" || x.container() == "snap" {
		return
	}
	service, _, _ := x.install()
	program := x.pcscd()
	if running := x.named("pcscd"); len(running) > 0 {
		if stopped(running) {
			x.hangs()
			return
		}
		x.find("socket-gone", names(running), "", x.restart())
		return
	}
	if program == "" {
		x.find("service-missing", "", "", service)
		return
	}
	if !x.systemd() {
		line := "sudo pcscd"
		if x.exists("run/openrc") {
			line = "sudo rc-service pcscd start && sudo rc-update add pcscd"
		}
		what := ""
		if x.container() != "" {
			what = "pcscd does not run in this container, and the socket of one outside is not in it"
		}
		x.find("service-off", "/"+program, what, line)
		return
	}
	x.units()
}

// pcscd is the program of the service, where it is installed.
func (x *exam) pcscd() string {
	return x.first("usr/sbin/pcscd", "usr/bin/pcscd", "sbin/pcscd", "usr/local/sbin/pcscd", "run/current-system/sw/bin/pcscd")
}

// restart is the line that starts pcscd anew.
func (x *exam) restart() string {
	switch {
	case x.systemd():
		return "sudo systemctl restart pcscd.socket pcscd.service"
	case x.exists("run/openrc"):
		return "sudo rc-service pcscd restart"
	}
	return "sudo killall pcscd; sudo pcscd"
}

// units asks systemd why pcscd does not run.
func (x *exam) units() {
	out, err := ask(x, question, func(ctx context.Context) (string, error) {
		return x.m.Run(ctx, "systemctl", "show", "pcscd.socket", "pcscd.service", "--property=Id,LoadState,ActiveState,UnitFileState,Result")
	})
	if err != nil {
		x.find("service-off", "pcscd.socket", "", "")
		x.find("unseen-systemd", "systemctl", "why systemd does not run pcscd could not be asked: "+err.Error(), "")
		return
	}
	units := map[string]map[string]string{}
	for block := range strings.SplitSeq(strings.ReplaceAll(out, "\r", ""), "\n\n") {
		values := map[string]string{}
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			values[name] = value
		}
		units[values["Id"]] = values
	}
	socket, service := units["pcscd.socket"], units["pcscd.service"]
	switch {
	case socket["LoadState"] == "masked" || service["LoadState"] == "masked":
		x.find("service-masked", "pcscd.socket, pcscd.service", "", "")
	case socket["ActiveState"] == "failed" || service["ActiveState"] == "failed":
		what := ""
		if r := service["Result"]; r != "" && r != "success" {
			what = "systemd gave up on pcscd: " + r
		}
		x.find("service-failed", "pcscd.service", what, "")
	case socket["LoadState"] == "not-found" && service["LoadState"] == "not-found":
		x.find("service-off", "pcscd", "pcscd does not run, and systemd has no unit for it", "sudo pcscd")
	default:
		x.find("service-off", "pcscd.socket", "", "")
	}
}

// hangs says that pcscd does not answer.
func (x *exam) hangs() {
	running := x.named("pcscd")
	switch {
	case x.m.System() != "linux":
		x.find("service-hangs", "", "the PC/SC service does not answer", "log out and in again, or restart the computer")
	case stopped(running):
		x.find("service-stopped", names(running), "", fmt.Sprintf("sudo kill -CONT %d", running[0].id))
	default:
		x.find("service-hangs", names(running), "", x.restart())
	}
}

// stopped reports whether a program was halted, by a signal or a debugger.
func stopped(list []process) bool {
	for _, p := range list {
		if p.state == 'T' || p.state == 't' {
			return true
		}
	}
	return false
}

// twice says that two services run, of which one may have the readers of the other.
func (x *exam) twice() {
	if list := x.named("pcscd"); len(list) > 1 {
		x.find("service-twice", names(list), "", x.restart())
	}
}

// denied says that polkit keeps this user away.
func (x *exam) denied() {
	inside := x.container() != "" && len(x.named("pcscd")) > 0
	switch {
	case x.m.System() != "linux":
		x.find("denied", "", "the system's security policy keeps this user from PC/SC", "")
	case inside && !x.exists("run/dbus/system_bus_socket"):
		x.find("polkit-absent", "pcscd", "", "")
	default:
		user := quoted(x.user.Name, "USER")
		x.find("polkit", "/etc/polkit-1/rules.d", "", fmt.Sprintf(polkitLine, user))
	}
	if x.running().hidden {
		x.find("hidepid", "/proc", "", "")
	}
}

const polkitLine = `printf 'polkit.addRule(function(action, subject) { if (action.id.indexOf("org.debian.pcsc-lite.access_") == 0 && subject.user == "%s") return polkit.Result.YES; });\n' | sudo tee /etc/polkit-1/rules.d/50-pcscd.rules`

// nextOf is what an error itself says is to be done.
func nextOf(err error) string {
	var e interface{ Next() string }
	if errors.As(err, &e) {
		return e.Next()
	}
	return ""
}
