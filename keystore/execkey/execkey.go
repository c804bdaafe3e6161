// Package execkey gets keys from programs: password managers, agents of hardware,
// a script that asks somebody.
//
//	c := &keystore.Config{Exec: execkey.Run}
//
// makes exec:pass show desfire/door a key. The program runs as it is named,
// without a shell: nothing in its arguments is expanded, and where a shell is
// wanted it is named (exec:sh -c '...'). It has 10 seconds and prints the key as
// one line, in the form that [key.ParseText] reads; comments may stand around it.
// Its standard input is empty, its errors go to the terminal.
//
// # What the program gets
//
// Of the environment it gets only what programs need to run and to ask: PATH,
// HOME, USER, LOGNAME, LANG, LC_ALL, LC_CTYPE, TMPDIR; TERM, GPG_TTY, DISPLAY,
// WAYLAND_DISPLAY, XAUTHORITY, XDG_RUNTIME_DIR, XDG_CONFIG_HOME, XDG_DATA_HOME,
// DBUS_SESSION_BUS_ADDRESS, SSH_AUTH_SOCK, GNUPGHOME; on Windows SystemRoot,
// SystemDrive, ComSpec, PATHEXT, USERPROFILE, APPDATA, LOCALAPPDATA,
// ProgramData, TEMP and TMP. What else it needs is named before it:
// exec:env NAME=VALUE PROGRAM. Variables with keys in them are not passed on.
//
// On Unix it runs in a process group of its own, which is in the foreground of
// the terminal meanwhile, so that it can ask there; whatever of the group is left
// in the end is killed. In a pipeline, whose other programs may need the terminal,
// it stays in the background and can ask by a window or an agent alone. On Windows
// there is no group: only the program itself is killed.
//
// # Whom to trust
//
// Whoever writes an exec: chooses what the user runs. This package does not ask
// where it comes from: set Config.Exec for what the user wrote, on the command
// line or in the environment, and not for what came with data. Package keyring
// looks at who can write the file.
package execkey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/go-desfire/desfire/key"
)

// Limits of a program.
const (
	DefaultTimeout = 10 * time.Second
	MaxOutput      = 4 << 10 // bytes
)

// drainTime is how long the output may stay open after the program has ended and
// its group was killed: a child that left the group may hold it.
const drainTime = 200 * time.Millisecond

// Config says how programs run. The zero Config is what Run and Key use.
type Config struct {
	Timeout time.Duration // 0 is DefaultTimeout
	Stderr  *os.File      // nil is os.Stderr
}

// Run runs a program and returns what it printed, which the caller overwrites.
// Errors name the program, never its arguments or output.
func Run(ctx context.Context, argv []string) ([]byte, error) {
	return new(Config).Run(ctx, argv)
}

// Key runs a program and reads the key that it prints.
func Key(ctx context.Context, argv []string) (*key.Secret, error) {
	return new(Config).Key(ctx, argv)
}

// Key runs a program and reads the key that it prints.
func (c *Config) Key(ctx context.Context, argv []string) (*key.Secret, error) {
	out, err := c.Run(ctx, argv)
	defer clear(out)
	if err != nil {
		return nil, err
	}
	k, err := key.ParseText(out)
	if err != nil {
		return nil, fmt.Errorf("exec: what %s prints: %w", program(argv), err)
	}
	return k, nil
}

// program is the name of a program in errors.
func program(argv []string) string { return fmt.Sprintf("%q", filepath.Base(argv[0])) }

// Run runs a program and returns what it printed, which the caller overwrites.
func (c *Config) Run(ctx context.Context, argv []string) ([]byte, error) {
	if len(argv) == 0 || argv[0] == "" {
		return nil, errors.New("exec: no program is named")
	}
	out, err := c.run(ctx, argv)
	if err != nil {
		clear(out)
		return nil, fmt.Errorf("exec: %s: %w", program(argv), err)
	}
	return out, nil
}

func (c *Config) run(ctx context.Context, argv []string) ([]byte, error) {
	timeout := DefaultTimeout
	if c.Timeout > 0 {
		timeout = c.Timeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.Command(argv[0], argv[1:]...)
	if cmd.Err != nil {
		return nil, unwrapped(cmd.Err)
	}
	cmd.Env = environment()
	cmd.Stderr = os.Stderr
	if c.Stderr != nil {
		cmd.Stderr = c.Stderr
	}
	// A pipe of our own, read into one buffer, so that no copy of the key stays.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd.Stdout = w
	g, err := startGroup(cmd)
	w.Close()
	if err != nil {
		return nil, unwrapped(err)
	}

	type result struct {
		n   int
		err error
	}
	buf := make([]byte, MaxOutput+1)
	read := make(chan result, 1)
	go func() {
		n, err := io.ReadFull(r, buf)
		if n > MaxOutput {
			g.kill() // it would wait for a reader
		}
		read <- result{n, err}
	}()
	stop := context.AfterFunc(limited, g.kill)
	ended := cmd.Wait()
	stop()
	g.end()
	_ = r.SetReadDeadline(time.Now().Add(drainTime))
	var got result
	select {
	case got = <-read:
	case <-time.After(2 * drainTime): // pipes of Windows have no deadlines
		return nil, errors.New("has ended, and another program holds its output open")
	}
	out := buf[:got.n]
	switch {
	case ctx.Err() != nil:
		return out, ctx.Err()
	case got.n > MaxOutput:
		return out, fmt.Errorf("printed more than %d bytes", MaxOutput)
	case limited.Err() != nil:
		return out, fmt.Errorf("took longer than %v", timeout)
	case ended != nil:
		return out, unwrapped(ended)
	case got.err != io.EOF && got.err != io.ErrUnexpectedEOF:
		return out, fmt.Errorf("its output: %w", unwrapped(got.err))
	case got.n == 0:
		return out, errors.New("printed nothing")
	}
	return out, nil
}

// unwrapped is an error without the path that it names, which the text around it
// has.
func unwrapped(err error) error {
	var ee *exec.Error
	var pe *os.PathError
	switch {
	case errors.As(err, &ee):
		return ee.Err
	case errors.As(err, &pe):
		return pe.Err
	}
	return err
}

var passed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR",
	"TERM", "GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
	"DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK", "GNUPGHOME",
}

var passedOnWindows = []string{
	"SystemRoot", "SystemDrive", "ComSpec", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "ProgramData", "TEMP", "TMP",
}

func environment() []string {
	names := passed
	if runtime.GOOS == "windows" {
		names = append(names[:len(names):len(names)], passedOnWindows...)
	}
	env := []string{} // nil would be all
	for _, name := range names {
		if v, ok := os.LookupEnv(name); ok && !strings.ContainsRune(v, 0) {
			env = append(env, name+"="+v)
		}
	}
	return env
}
