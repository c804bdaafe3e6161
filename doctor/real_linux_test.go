package doctor

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/vpcd"
)

// examineHere makes this program examine the machine and print what it found: the
// PC/SC library reads the environment of its process once, and rights are those of a
// process.
const examineHere = "DOCTOR_TEST_EXAMINE"

func TestMain(m *testing.M) {
	spec, ok := os.LookupEnv(examineHere)
	if !ok {
		os.Exit(m.Run())
	}
	if err := json.NewEncoder(os.Stdout).Encode(Examine(context.Background(), This(), &Config{Place: spec, Schemes: testSchemes()})); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// examined examines this machine in a process of its own.
func examined(t *testing.T, spec string, change func(*exec.Cmd)) map[string]Finding {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), examineHere+"="+spec)
	if change != nil {
		change(c)
	}
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var list []Finding
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found := map[string]Finding{}
	for _, f := range list {
		found[f.ID+f.Where] = f
		found[f.ID] = f
	}
	return found
}

// want fails unless a finding is there, with parts of its words.
func want(t *testing.T, found map[string]Finding, id string, parts ...string) {
	t.Helper()
	f, ok := found[id]
	if !ok {
		t.Fatalf("no %s, but %v", id, found)
	}
	for _, p := range parts {
		if !strings.Contains(f.What+"\n"+f.Where+"\n"+f.Next, p) {
			t.Errorf("%s says nothing of %q: %+v", id, p, f)
		}
	}
}

// nobody lets a process run as a user without rights.
func nobody(t *testing.T) func(*exec.Cmd) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("only root can be somebody else")
	}
	folder, err := os.MkdirTemp("", "doctor")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "doctor")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return func(c *exec.Cmd) {
		c.Path, c.Args, c.Dir = program, []string{program}, "/"
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
}

// put puts a simulated card on a virtual reader until the test ends.
func put(t *testing.T, stack *pcsctest.Stack) *sim.Card {
	t.Helper()
	card, err := sim.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	client := vpcd.New(stack.Slot(0), func(context.Context) (vpcd.Card, error) { return card.Present(), nil }, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		client.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	wait, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	if err := client.Wait(wait, true); err != nil {
		t.Fatal(err)
	}
	return card
}

// TestRealService makes a real pcscd wrong in the ways in which one can be.
func TestRealService(t *testing.T) {
	stack := pcsctest.StartOwned(t)
	t.Run("no card", func(t *testing.T) {
		found := examined(t, "", nil)
		want(t, found, "service", defaultSocket)
		want(t, found, "reader"+stack.Reader(0))
		want(t, found, "card-none"+stack.Reader(1), "desfire info")
	})
	t.Run("of a name", func(t *testing.T) {
		found := examined(t, "pcsc:ACR122", nil)
		want(t, found, "reader-name", stack.Reader(0))
	})
	t.Run("elsewhere", func(t *testing.T) {
		found := examined(t, "", func(c *exec.Cmd) { c.Env = append(c.Env, "PCSCLITE_CSOCK_NAME=/nowhere/pcscd.comm") })
		want(t, found, "socket-elsewhere", "/nowhere/pcscd.comm", "unset")
	})
	t.Run("dead socket", func(t *testing.T) {
		socket := deadSocket(t)
		found := examined(t, "", func(c *exec.Cmd) { c.Env = append(c.Env, "PCSCLITE_CSOCK_NAME="+socket) })
		want(t, found, "socket-dead", socket)
	})
	t.Run("no right", func(t *testing.T) {
		if err := os.Chmod(defaultSocket, 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(defaultSocket, 0o666)
		found := examined(t, "", nobody(t))
		want(t, found, "socket-permission", defaultSocket)
	})
	t.Run("stopped", func(t *testing.T) {
		id := service(t)
		if err := syscall.Kill(id, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		defer syscall.Kill(id, syscall.SIGCONT)
		found := examined(t, "", nil)
		want(t, found, "service-stopped", fmt.Sprintf("kill -CONT %d", id))
	})
	t.Run("versions", func(t *testing.T) {
		socket := answering(t, codeServiceStopped)
		found := examined(t, "", func(c *exec.Cmd) { c.Env = append(c.Env, "PCSCLITE_CSOCK_NAME="+socket) })
		want(t, found, "service-version", socket)
	})
	t.Run("polkit", func(t *testing.T) {
		socket := answering(t, codeSecurityViolation)
		found := examined(t, "", func(c *exec.Cmd) { c.Env = append(c.Env, "PCSCLITE_CSOCK_NAME="+socket) })
		if _, inside := found["polkit-absent"]; inside { // a container without a bus
			want(t, found, "polkit-absent", "--disable-polkit")
			return
		}
		want(t, found, "polkit", "/etc/polkit-1/rules.d/50-pcscd.rules")
	})
	t.Run("card", func(t *testing.T) { realCards(t, stack) })
	stack.Stop(t)
	t.Run("off", func(t *testing.T) {
		found := examined(t, "", nil)
		want(t, found, "service-off", "pcscd")
	})
	t.Run("no reader", func(t *testing.T) {
		end := withoutReaders(t)
		defer end()
		found := examined(t, "", nil)
		want(t, found, "service")
		if !sick(found) {
			t.Errorf("without a reader nothing is bad: %v", found)
		}
	})
}

func sick(found map[string]Finding) bool {
	for _, f := range found {
		if f.Severity == Bad {
			return true
		}
	}
	return false
}

func realCards(t *testing.T, stack *pcsctest.Stack) {
	card := put(t, stack)
	uid := fmt.Sprintf("UID %X", card.UID())
	found := examined(t, "", nil)
	want(t, found, "card", stack.Reader(0), uid, "MIFARE DESFire EV3", "wrapped frames", "desfire info")
	for share, id := range map[pcsc.ShareMode]string{pcsc.ShareExclusive: "card-held", pcsc.ShareShared: "card-shared"} {
		r, err := pcsc.Open(&pcsc.Config{Share: share})
		if err != nil {
			t.Fatal(err)
		}
		c, err := r.Connect(t.Context(), stack.Reader(0))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Transmit(t.Context(), []byte{0x90, 0x60, 0, 0, 0}); err != nil {
			t.Fatal(err)
		}
		before := card.Exchanges()
		found = examined(t, "pcsc:virtual", nil)
		want(t, found, id, stack.Reader(0), fmt.Sprintf("(process %d)", os.Getpid()))
		if after := card.Exchanges(); after != before {
			t.Errorf("%s: a card that is in use was sent %d commands", id, after-before)
		}
		c.Close()
	}
}

// deadSocket is a socket behind which nobody is any more.
func deadSocket(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pcscd.comm")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	return path
}

// answering is a socket behind which a service turns everybody away with a code, as
// pcscd does: to a header of two words and three words with the version of the client,
// it answers those three words, the last of which is the code.
func answering(t *testing.T, code pcsc.Error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pcscd.comm")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 20)
			if _, err := io.ReadFull(c, request); err == nil {
				binary.NativeEndian.PutUint32(request[16:], uint32(code))
				c.Write(request[8:])
			}
			c.Close()
		}
	}()
	return path
}

// service is the process of the pcscd of this test.
func service(t *testing.T) int {
	t.Helper()
	x := &exam{ctx: t.Context(), files: timely{t.Context(), os.DirFS("/")}}
	for _, p := range x.named("pcscd") {
		if stat := x.read(fmt.Sprintf("proc/%d/stat", p.id)); strings.Contains(stat, fmt.Sprintf(") %c %d ", p.state, os.Getpid())) {
			return p.id
		}
	}
	t.Fatal("no pcscd is a child of this test")
	return 0
}

// withoutReaders runs a pcscd that knows no reader.
func withoutReaders(t *testing.T) (end func()) {
	t.Helper()
	path, err := exec.LookPath("pcscd")
	if err != nil {
		path = "/usr/sbin/pcscd"
	}
	args := []string{"--foreground", "--config", t.TempDir()}
	if help, _ := exec.Command(path, "--help").CombinedOutput(); bytes.Contains(help, []byte("--disable-polkit")) {
		args = append(args, "--disable-polkit")
	}
	c := exec.Command(path, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		c.Process.Signal(syscall.SIGTERM)
		c.Wait()
		os.Remove(defaultSocket)
	}
	for range 600 {
		if conn, err := net.Dial("unix", defaultSocket); err == nil {
			conn.Close()
			return end
		}
		time.Sleep(50 * time.Millisecond)
	}
	end()
	t.Fatal("pcscd does not begin to serve")
	return nil
}
