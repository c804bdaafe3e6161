//go:build !unix

package execkey

import "os/exec"

// group is the program alone.
type group struct{ cmd *exec.Cmd }

func startGroup(cmd *exec.Cmd) (*group, error) { return &group{cmd}, cmd.Start() }

func (g *group) kill() { _ = g.cmd.Process.Kill() }

func (g *group) end() {}
