package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// serverFolder is where desfire-server is, once it was built; empty before.
var serverFolder string

// tidy takes it away at the end.
type tidy struct{ *testing.M }

func (m tidy) Run() int {
	// What the tool keeps for who runs it is not that of who runs the tests.
	home, err := os.MkdirTemp("", "desfire-home")
	if err == nil {
		if conf, err := os.UserConfigDir(); err == nil && os.Getenv("GOENV") == "" {
			_ = os.Setenv("GOENV", filepath.Join(conf, "go", "env"))
		}
		for _, name := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME"} {
			err = errors.Join(err, os.Setenv(name, home))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.M.Run()
	_ = os.RemoveAll(home)
	if serverFolder != "" {
		_ = os.RemoveAll(serverFolder)
	}
	return code
}

// serverProgram builds desfire-server, once.
var serverProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "desfire-server")
	if err != nil {
		return "", err
	}
	serverFolder = dir
	name := filepath.Join(dir, "desfire-server")
	out, err := exec.Command("go", "build", "-o", name, "github.com/go-desfire/desfire/cmd/desfire-server").CombinedOutput()
	if err != nil {
		return "", &buildError{string(out)}
	}
	return name, nil
})

type buildError struct{ said string }

func (e *buildError) Error() string { return "desfire-server cannot be built: " + e.said }

// centre FILE JOIN starts the centre of a fleet, and sets variables to the fleet file of its
// operator, and to where agents join.
func centreCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: centre FILE JOIN")
	}
	program, err := serverProgram()
	ts.Check(err)
	var addresses [3]string
	for i := range addresses {
		port(ts, false, []string{"PORT"})
		addresses[i] = "127.0.0.1:" + ts.Getenv("PORT")
	}
	dir := ts.MkAbs("centre")
	log, err := os.Create(ts.MkAbs("centre.log"))
	ts.Check(err)
	cmd := exec.Command(program, "--dir", dir, "--listen", addresses[0], "--join", addresses[1], "--page", "off")
	cmd.Stdout, cmd.Stderr = log, log
	ts.Check(cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		<-ended
		_ = log.Close()
	})
	ts.Setenv(args[0], filepath.Join(dir, "admin.json"))
	ts.Setenv(args[1], addresses[1])
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		r, err := http.Get("http://" + addresses[1] + "/readyz")
		if err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ended:
		default:
			if time.Now().Before(end) {
				continue
			}
		}
		ts.Fatalf("the centre is never ready: %s", ts.ReadFile("centre.log"))
	}
}

// online AGENT waits until the centre knows of an agent's reader.
func online(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ts.Exec("desfire", "fleet", "cards") == nil {
			return
		}
	}
	ts.Fatalf("agent %s never comes", args[0])
}
