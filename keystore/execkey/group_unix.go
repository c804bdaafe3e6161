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
	if tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
		if own, err := foreground(tty); err == nil && own == syscall.Getpgrp() {
			g.tty, g.own = tty, own
			cmd.SysProcAttr = &syscall.SysProcAttr{Foreground: true, Ctty: int(tty.Fd())}
		} else {
			tty.Close()
		}
	}
	if err := cmd.Start(); err != nil {
		g.takeBack()
		return nil, err
	}
	g.pid = cmd.Process.Pid
	return g, nil
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
