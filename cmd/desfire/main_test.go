package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/freeport"
	"github.com/go-desfire/desfire/sim"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the output of the scripts into their golden files")

// runMain makes the test binary be the tool itself.
const runMain = "DESFIRE_TEST_MAIN"

// What befalls the cards of images: they lose their power in that exchange, have
// the random numbers of a seed, and are not made before a pipe ends, if there is one
// of that name.
const (
	tearCard  = "DESFIRE_TEST_TEAR"
	seedCard  = "DESFIRE_TEST_SEED"
	stuckCard = "DESFIRE_TEST_STUCK"
)

func unluckyCard(c *sim.Config) (*sim.Card, error) {
	if pipe := os.Getenv(stuckCard); pipe != "" {
		_, _ = os.ReadFile(pipe)
	}
	if seed := os.Getenv(seedCard); seed != "" && c.Rand == nil {
		c.Rand = seeded(seed)
	}
	card, err := sim.New(c)
	if n, notSet := strconv.Atoi(os.Getenv(tearCard)); err == nil && notSet == nil {
		card.TearAfter(n)
	}
	return card, err
}

func TestMain(m *testing.M) {
	checkEmitted = checkSchema
	simNew = unluckyCard
	mockOSKeyring()
	if os.Getenv(runMain) != "" {
		main()
	}
	testscript.Main(tidy{m}, map[string]func(){"desfire": main})
}

// concurrent are the scripts of verbs that do several things at once.
var concurrent = []string{"demo", "drain", "each", "lock", "restore", "serve", "value", "watch"}

// TestScripts runs the tool as its users do. The short form with the race
// detector leaves out what one goroutine does.
func TestScripts(t *testing.T) {
	dir, files := "testdata/script", []string(nil)
	if raceEnabled && testing.Short() {
		for _, name := range concurrent {
			files = append(files, filepath.Join(dir, name+".txtar"))
		}
		dir = ""
	}
	testscript.Run(t, testscript.Params{
		Dir: dir, Files: files,
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			// No pcscd of this machine, and no color by accident.
			env.Setenv("PCSCLITE_CSOCK_NAME", env.WorkDir+"/no-pcscd")
			env.Setenv("TERM", "xterm-256color")
			return filepath.WalkDir(env.WorkDir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				return os.Chmod(path, 0o600) // that others can read a key file is warned about
			})
		},
		Condition: func(name string) (bool, error) {
			if name != "softhsm" {
				return false, fmt.Errorf("no condition %s", name)
			}
			_, err := os.Stat("/usr/lib/softhsm/libsofthsm2.so")
			return err == nil || os.Getenv("DESFIRE_REQUIRE_PKCS11") != "", nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "port": port, "listening": listening, "there": there, "holds": fileHolds, "notimes": notimes, "cut": cut, "centre": centreCommand, "online": online,
		},
	})
}

// exits CODE COMMAND... runs a command that must end with this code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// port NAME sets a variable to a port that is free.
func port(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strconv.Itoa(freeport.Take(ts, 1)[0]))
}

// listening PORT waits until something listens there.
func listening(ts *testscript.TestScript, _ bool, args []string) {
	soon(ts, "nothing listens on port "+args[0], func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+args[0])
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// fileHolds FILE PATTERN, in scripts holds, waits until a file holds what a pattern finds.
func fileHolds(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile(args[1])
	soon(ts, "never in "+args[0]+": "+args[1], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && pattern.Match(text)
	})
}

// soon waits for what becomes true, and fails as never says.
func soon(ts *testscript.TestScript, never string, is func() bool) {
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%s", never)
		}
	}
}

// there FILE waits until something with that name is there, and leads somewhere.
func there(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
	}
	ts.Fatalf("%s never comes", args[0])
}

var times = regexp.MustCompile(`\d+\.\d ms|\d\d:\d\d:\d\d\.\d{3}|"(time|ms|seconds)":("[^"]*"|[0-9.e-]+)`)

// notimes FROM TO copies a file (stdout and stderr name those of the last
// command) with all times taken out.
func notimes(ts *testscript.TestScript, _ bool, args []string) {
	text := times.ReplaceAllStringFunc(ts.ReadFile(args[0]), func(s string) string {
		switch {
		case s[0] == '"':
			return regexp.MustCompile(`:.*`).ReplaceAllString(s, `:"T"`)
		case s[len(s)-1] == 's':
			return "T ms"
		}
		return "T"
	})
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// cut FROM N TO copies the first N bytes of a file.
func cut(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(ts.ReadFile(args[0]))[:n], 0o600))
}
