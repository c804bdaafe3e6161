package fleet

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends a process when the test ends, however it does.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
