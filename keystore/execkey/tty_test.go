//go:build unix

package execkey_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/go-desfire/desfire/keystore/execkey"
)

// In a terminal the program can ask there, and we can ask after it.
func TestAsksInTheTerminal(t *testing.T) {
	if os.Getenv("EXECKEY_IN_TERMINAL") != "" {
		inTerminal()
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestAsksInTheTerminal$", "-test.count=1")
	cmd.Env = append(os.Environ(), "EXECKEY_IN_TERMINAL=1")
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Skipf("no terminal here: %v", err)
	}
	defer tty.Close()
	defer cmd.Process.Kill()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(tty); s.Scan(); {
			lines <- s.Text()
		}
	}()
	expect := func(want string) {
		t.Helper()
		for {
			select {
			case line, ok := <-lines:
				if !ok {
					t.Fatalf("the end came before %q", want)
				}
				if strings.Contains(line, want) {
					return
				}
			case <-time.After(time.Minute):
				t.Fatalf("no %q", want)
			}
		}
	}
	expect("program asks")
	fmt.Fprintln(tty, digits)
	expect("AES version 00")
	expect("test asks")
	fmt.Fprintln(tty, "done")
	expect("heard done")
	if _, err := exec.LookPath("ps"); err == nil {
		expect("alone true, in a pipeline false")
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func inTerminal() {
	k, err := execkey.Key(context.Background(), []string{"sh", "-c", `echo program asks >/dev/tty; read x </dev/tty; echo "aes:$x"`})
	fmt.Println(k, err)
	fmt.Println("test asks")
	var word string
	_, err = fmt.Scanln(&word)
	fmt.Println("heard", word, err)
	alone := inForeground()
	out := os.Stdout
	_, w, err := os.Pipe()
	if err != nil {
		fmt.Println(err)
		return
	}
	os.Stdout = w
	piped := inForeground()
	os.Stdout = out
	fmt.Printf("alone %v, in a pipeline %v\n", alone, piped)
}

// inForeground reports whether a program that runs has the terminal's foreground.
func inForeground() bool {
	out, err := execkey.Run(context.Background(), []string{"sh", "-c", "ps -o stat= -p $$"})
	return err == nil && strings.Contains(string(out), "+")
}
