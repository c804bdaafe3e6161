package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/remote/centre"
)

// verb runs a verb to its end.
func verb(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	o, e := new(output), new(output)
	a := &app{stdout: o, stderr: e}
	root := a.rootCommand()
	root.SetArgs(args)
	code = a.report(root.ExecuteContext(t.Context()))
	return code, o.String(), e.String()
}

// The server of a site joins by a line, agents of the site connect to it, and operators
// join by lines too.
func TestLeaf(t *testing.T) {
	dir := t.TempDir()
	start(t, dir, "--leafs", "127.0.0.1:0")
	code, line, errs := verb(t, "invite", "harbour", "--role", "leaf", "--carries", "gate7", "--dir", dir)
	if code != 0 || !strings.HasPrefix(line, "desfire-server leaf --join desfire-join-1/harbour/") {
		t.Fatal(code, line, errs)
	}
	site := filepath.Join(t.TempDir(), "site")
	if code, out, errs := verb(t, "leaf", "--dir", site, "--check"); code != exitInput || !strings.Contains(errs, "no leaf yet") {
		t.Error(code, out, errs)
	}
	if code, out, errs := verb(t, "leaf", "--dir", site, "--join", strings.TrimSpace(line), "--check"); code != 0 || !strings.Contains(out, "leaf harbour can start") {
		t.Fatal(code, out, errs)
	}
	o := new(output)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() {
		a := &app{stdout: o, stderr: o}
		root := a.rootCommand()
		root.SetArgs([]string{"leaf", "--dir", site, "--listen", "127.0.0.1:0"})
		ended <- a.report(root.ExecuteContext(ctx))
	}()
	defer func() {
		cancel()
		if code := <-ended; code != 0 {
			t.Error(code, o.String())
		}
	}()
	s := &started{T: t}
	s.until("the leaf is there", func() bool { return strings.Contains(o.String(), "agents connect at tls://") })
	_, at, _ := strings.Cut(strings.TrimSpace(o.String()), "connect at ")
	at, _, _ = strings.Cut(at, "\n")
	join := func(args ...string) *centre.File {
		t.Helper()
		code, line, errs := verb(t, append([]string{"invite", "--dir", dir}, args...)...)
		words := strings.Fields(line)
		if code != 0 || len(words) == 0 {
			t.Fatal(code, line, errs)
		}
		f, err := centre.Join(t.Context(), words[len(words)-1], "")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	nc, err := join("gate7", "--role", "agent", "--at", strings.TrimSuffix(at, ".")).Dial(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	vc, err := join("vic", "--role", "viewer").Dial(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer vc.Close()
	for _, bad := range [][]string{{"x"}, {"x", "--role", "root"}, {"x", "--role", "agent", "--carries", "y"}, {"gate7", "--role", "agent"}, {"centre", "--role", "admin"}} {
		if code, line, _ := verb(t, append([]string{"invite", "--dir", dir}, bad...)...); code == 0 {
			t.Errorf("%v: %s", bad, line)
		}
	}
}
