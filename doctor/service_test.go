package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/go-desfire/desfire/pcsc"
)

func turnedAway(socket string) change {
	return dialed("unix", socket, &fs.PathError{Op: "dial", Path: socket, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
}

func serviceCases() []sample {
	gone := []change{pcscFails(noService), lacking("run/pcscd", "proc/600")}
	with := func(more ...change) *machine { return debian(append(gone[:len(gone):len(gone)], more...)...) }
	alpine := file("etc/os-release", "ID=alpine\n")
	bare := lacking("run/systemd")
	noLibrary := func(err error) change {
		return func(m *machine) {
			m.pcsc = &pcscStack{load: &pcsc.OpError{Op: "load the PC/SC library", Err: fmt.Errorf("%w: %w", pcsc.ErrUnavailable, err)}}
		}
	}
	const absent = "libpcsclite.so.1: cannot open shared object file: No such file or directory"
	return []sample{
		{id: "service", machine: debian(), where: "/run/pcscd/pcscd.comm", also: []string{"reader-none"}},
		{id: "library", name: "debian", machine: debian(noLibrary(errors.New(absent)), lacking("usr/sbin/pcscd", "proc/600")), next: "sudo apt install libpcsclite1 pcscd libccid", also: []string{"service-missing"}},
		{id: "library", name: "fedora", machine: debian(noLibrary(errors.New(absent)), file("etc/os-release", "ID=fedora\n")), next: "sudo dnf install pcsc-lite pcsc-lite-ccid", also: []string{"socket-gone"}},
		{id: "library", name: "mint", machine: debian(noLibrary(errors.New(absent)), file("etc/os-release", "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n")), next: "sudo apt install", also: []string{"socket-gone"}},
		{id: "library", name: "unknown", machine: debian(noLibrary(errors.New(absent)), file("etc/os-release", "ID=plan9\n")), next: "install pcsc-lite", also: []string{"socket-gone"}},
		{id: "library", name: "32 bits", machine: debian(noLibrary(errors.New("/usr/lib/libpcsclite.so.1: wrong ELF class: ELFCLASS32"))), what: "another word size", also: []string{"socket-gone"}},
		{id: "library", name: "freebsd", machine: &machine{system: "freebsd"}},
		{id: "service-missing", name: "debian", machine: with(lacking("usr/sbin/pcscd")), next: "sudo apt install pcscd libccid"},
		{id: "service-missing", name: "alpine", machine: with(lacking("usr/sbin/pcscd"), alpine), next: "sudo apk add pcsc-lite ccid"},
		{id: "service-off", name: "systemd", machine: with(units("LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\nResult=success", "LoadState=loaded\nActiveState=inactive\nUnitFileState=indirect\nResult=success")), next: "sudo systemctl enable --now pcscd.socket"},
		{id: "service-off", name: "no unit", machine: with(units("LoadState=not-found\nActiveState=inactive", "LoadState=not-found\nActiveState=inactive")), what: "no unit", next: "sudo pcscd"},
		{id: "service-off", name: "no systemd", machine: with(bare), where: "/usr/sbin/pcscd", next: "sudo pcscd"},
		{id: "service-off", name: "openrc", machine: with(bare, alpine, file("run/openrc/softlevel", "default")), next: "sudo rc-service pcscd start"},
		{id: "service-off", name: "zombie", machine: debian(pcscFails(noService), lacking("run/pcscd"), programIn(600, "pcscd", 'Z'), bare), next: "sudo pcscd"},
		{id: "service-off", name: "root", machine: with(bare, func(m *machine) { m.user = User{Name: "root", Root: true} }), next: "pcscd"},
		{id: "service-masked", machine: with(units("LoadState=masked\nActiveState=inactive", "LoadState=loaded\nActiveState=inactive")), next: "unmask"},
		{id: "service-failed", machine: with(units("LoadState=loaded\nActiveState=failed\nResult=service-start-limit-hit", "LoadState=loaded\nActiveState=failed\nResult=start-limit-hit")), what: "start-limit-hit", next: "reset-failed"},
		{id: "unseen-systemd", machine: with(), what: "could not be asked", also: []string{"service-off"}},
		{id: "service-stopped", machine: debian(pcscFails(noService), lacking("run/pcscd"), programIn(600, "pcscd", 'T')), next: "sudo kill -CONT 600"},
		{id: "service-fails", machine: debian(pcscFails(pcsc.Error(0x80100001)), dialed("unix", "/run/pcscd/pcscd.comm", nil)), what: "internal error"},
		{id: "service-twice", machine: debian(program(601, "pcscd")), where: "pcscd (process 600), pcscd (process 601)", also: []string{"reader-none"}},
		{id: "service-version", name: "machine", machine: debian(pcscFails(codeServiceStopped), dialed("unix", "/run/pcscd/pcscd.comm", nil)), next: "/usr/local/lib"},
		{id: "service-version", name: "container", machine: debian(pcscFails(codeServiceStopped), dialed("unix", "/run/pcscd/pcscd.comm", nil), file(".dockerenv", "")), next: "build the container from"},
		{id: "socket-gone", machine: debian(pcscFails(noService), lacking("run/pcscd")), where: "pcscd (process 600)", next: "sudo systemctl restart"},
		{id: "socket-gone", name: "no systemd", machine: debian(pcscFails(noService), lacking("run/pcscd"), bare), next: "sudo killall pcscd; sudo pcscd"},
		{id: "socket-dead", name: "systemd", machine: debian(pcscFails(noService), turnedAway(defaultSocket), lacking("proc/600")), where: defaultSocket, next: "sudo systemctl restart pcscd.socket"},
		{id: "socket-dead", name: "no systemd", machine: debian(pcscFails(noService), turnedAway(defaultSocket), bare), next: "sudo rm '/run/pcscd/pcscd.comm' && sudo pcscd"},
		{id: "socket-permission", machine: debian(pcscFails(noService), dialed("unix", defaultSocket, os.NewSyscallError("connect", syscall.EACCES))), where: defaultSocket},
		{id: "socket-elsewhere", machine: debian(pcscFails(noService), env("PCSCLITE_CSOCK_NAME", "/mnt/wslg/pcscd.comm")), where: "/mnt/wslg/pcscd.comm", next: "unset PCSCLITE_CSOCK_NAME"},
		{id: "socket-elsewhere", name: "and no service", machine: with(env("PCSCLITE_CSOCK_NAME", "/mnt/wslg/pcscd.comm"), bare), also: []string{"service-off"}},
		{id: "service-off", name: "container", machine: with(file(".dockerenv", ""), bare), what: "in this container", next: "sudo pcscd"},
		{id: "container-socket", name: "docker", machine: with(file(".dockerenv", ""), lacking("usr/sbin")), next: "docker run -v /run/pcscd:/run/pcscd"},
		{id: "container-socket", name: "podman", machine: with(file("run/.containerenv", ""), lacking("usr/sbin")), next: "docker run -v /run/pcscd:/run/pcscd"},
		{id: "container-socket", name: "flatpak", machine: with(env("FLATPAK_ID", "org.example.App"), lacking("usr/sbin")), next: "flatpak override --user --socket=pcsc org.example.App"},
		{id: "container-socket", name: "snap", machine: with(env("SNAP", "/snap/x/1"), env("SNAP_INSTANCE_NAME", "x; rm -rf /"), lacking("usr/sbin")), next: "sudo snap connect SNAP:pcscd"},
		{id: "polkit", name: "ann", machine: debian(pcscFails(codeSecurityViolation)), next: `subject.user == "ann"`},
		{id: "polkit", name: "a name for a shell", machine: debian(pcscFails(codeSecurityViolation), func(m *machine) { m.user.Name = `'; rm -rf ~ #` }), next: `subject.user == "USER"`},
		{id: "polkit-absent", machine: debian(pcscFails(codeSecurityViolation), file(".dockerenv", ""), bare), next: "pcscd --disable-polkit"},
		{id: "hidepid", machine: debian(pcscFails(codeSecurityViolation), lacking("proc/1", "proc/600")), next: "hidepid=0", also: []string{"polkit"}},
		{id: "denied", machine: windows(pcscFails(codeSecurityViolation))},
		{id: "service-off", name: "windows", machine: windows(pcscFails(noService), sc("3", "DEMAND_START", "1  STOPPED ")), where: "SCardSvr", next: "sc start SCardSvr"},
		{id: "service-off", name: "windows in German", machine: windows(pcscFails(noService), func(m *machine) {
			m.run["sc.exe qc SCardSvr"] = printed{"[SC] QueryServiceConfig ERFOLG\r\n\r\nSERVICE_NAME: SCardSvr\r\n        TYP                : 20  WIN32_SHARE_PROCESS\r\n        STARTTYP           : 3   DEMAND_START\r\n        FEHLERSTEUERUNG    : 1   NORMAL\r\n", nil}
		}), next: "sc start SCardSvr"},
		{id: "service-hangs", name: "windows", machine: windows(pcscFails(noService), sc("3", "DEMAND_START", "4  RUNNING ")), next: "sc stop SCardSvr"},
		{id: "service-missing", name: "windows", machine: windows(pcscFails(noService), func(m *machine) {
			m.run["sc.exe qc SCardSvr"] = printed{"[SC] OpenService FAILED 1060:\r\n", errors.New("exit status 1060")}
		}), where: "SCardSvr"},
		{id: "windows-disabled", machine: windows(pcscFails(noService), sc("4", "DISABLED", "1  STOPPED ")), next: "sc config SCardSvr start= demand"},
		{id: "windows-remote", name: "service", machine: windows(pcscFails(noService), env("SESSIONNAME", "RDP-Tcp#3")), where: "RDP-Tcp#3"},
		{id: "windows-remote", name: "readers", machine: windows(env("SESSIONNAME", "RDP-Tcp#3")), where: "RDP-Tcp#3"},
		{id: "unseen-service", machine: windows(pcscFails(noService)), also: []string{"service-off"}},
		{id: "service-off", name: "macos", machine: mac(pcscFails(noService)), what: "does not run"},
	}
}

// windows is a Windows without readers.
func windows(changes ...change) *machine {
	m := debian()
	m.system, m.files = "windows", nil
	for _, c := range changes {
		c(m)
	}
	return m
}

// mac is a macOS without readers.
func mac(changes ...change) *machine {
	m := windows()
	m.system = "darwin"
	for _, c := range changes {
		c(m)
	}
	return m
}

// sc is what sc.exe says of SCardSvr, as Windows 11 prints it.
func sc(start, name, state string) change {
	return func(m *machine) {
		m.run["sc.exe qc SCardSvr"] = printed{"[SC] QueryServiceConfig SUCCESS\r\n\r\nSERVICE_NAME: SCardSvr\r\n        TYPE               : 20  WIN32_SHARE_PROCESS \r\n        START_TYPE         : " + start + "   " + name + "\r\n        ERROR_CONTROL      : 1   NORMAL\r\n", nil}
		m.run["sc.exe query SCardSvr"] = printed{"\r\nSERVICE_NAME: SCardSvr \r\n        TYPE               : 20  WIN32_SHARE_PROCESS  \r\n        STATE              : " + state + "\r\n                                (STOPPABLE, NOT_PAUSABLE, IGNORES_SHUTDOWN)\r\n", nil}
	}
}
