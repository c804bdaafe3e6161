//go:build unix

package execkey

import (
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"unsafe"
)

// group is the process group of a program that runs.
type group struct {
	pid int
	tty *os.File // whose foreground it is; nil: none
	own int      // the group that had the foreground

	mu   sync.Mutex
	over bool // the program was waited for
}

// startGroup starts a program in a group of its own, in the foreground if we are
// there.
func startGroup(cmd *exec.Cmd) (*group, error) {
	g := new(group)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	g.openTerminal()
	if g.tty != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Foreground: true, Ctty: int(g.tty.Fd())}
	}
	if err := cmd.Start(); err != nil {
		g.takeBack()
		return nil, err
	}
	g.pid = cmd.Process.Pid
	return g, nil
}

// openTerminal opens the terminal if we have its foreground to give away.
func (g *group) openTerminal() {
	if piped() {
		return
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return
	}
	if own, err := foreground(tty); err == nil && own == syscall.Getpgrp() {
		g.tty, g.own = tty, own
		return
	}
	tty.Close()
}

// piped reports whether we are in a pipeline. The shell has put the others of it
// into our group; a pager among them would stop if it lost the foreground.
func piped() bool {
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
			return true
		}
	}
	return false
}

// kill kills the group, until it was waited for.
func (g *group) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over {
		_ = syscall.Kill(-g.pid, syscall.SIGKILL)
	}
}

// end kills what is left of the group and takes the foreground back.
func (g *group) end() {
	g.kill()
	g.mu.Lock()
	g.over = true
	g.mu.Unlock()
	g.takeBack()
}

// takeBack gives the terminal's foreground to us again. Who is in the background
// gets SIGTTOU for it, unless it is ignored.
func (g *group) takeBack() {
	if g.tty == nil {
		return
	}
	if !signal.Ignored(syscall.SIGTTOU) {
		signal.Ignore(syscall.SIGTTOU)
		defer signal.Reset(syscall.SIGTTOU)
	}
	pgrp := int32(g.own)
	_ = ioctl(g.tty, syscall.TIOCSPGRP, unsafe.Pointer(&pgrp))
	g.tty.Close()
}

func foreground(tty *os.File) (int, error) {
	var pgrp int32
	err := ioctl(tty, syscall.TIOCGPGRP, unsafe.Pointer(&pgrp))
	return int(pgrp), err
}

func ioctl(f *os.File, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
