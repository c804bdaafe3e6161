package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	ledger "github.com/go-desfire/desfire/purse"
)

const repository = "../.."

// TestGuide runs every command of docs/guide.md and compares what the page says
// that the screen shows; -update writes it there.
func TestGuide(t *testing.T) {
	checkPage(t, filepath.Join(repository, "docs", "guide.md"))
}

// TestPursePage runs docs/purse.md.
func TestPursePage(t *testing.T) {
	checkPage(t, filepath.Join(repository, "docs", "purse.md"))
}

// TestFleetPage runs docs/fleet.md, with its centre.
func TestFleetPage(t *testing.T) {
	program, err := serverProgram()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, name := range []string{"FLEET_NATS", "FLEET_JOIN"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, l.Addr().String())
		l.Close()
	}
	checkPage(t, filepath.Join(repository, "docs", "fleet.md"))
}

// TestKeysPage runs docs/keys.md, with SoftHSM.
func TestKeysPage(t *testing.T) {
	if _, err := os.Stat("/usr/lib/softhsm/libsofthsm2.so"); err != nil {
		if os.Getenv("DESFIRE_REQUIRE_PKCS11") != "" {
			t.Fatal(err)
		}
		t.Skip("SoftHSM is missing: make deps installs it")
	}
	checkPage(t, filepath.Join(repository, "docs", "keys.md"))
}

// TestLayoutsPage runs docs/layouts.md.
func TestLayoutsPage(t *testing.T) {
	checkPage(t, filepath.Join(repository, "docs", "layouts.md"))
}

// Each rule of package purse stands in the table of docs/purse.md, in its words.
func TestPurseRules(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(repository, "docs", "purse.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ledger.Rules() {
		if row := fmt.Sprintf("| %s | %s |", r, r.Words()); !strings.Contains(string(page), row) {
			t.Errorf("docs/purse.md has no row %q", row)
		}
	}
}

// checkPage runs a page whose commands stand in blocks of the language console,
// each after "$ ". What they print stands below them, and [exit N] below that
// where they fail; -update does not touch [exit N], so that no failure gets onto
// a page by itself. Blocks with a name after their language are files. Each
// chapter (##) begins in an empty folder. Comments do what no reader sees:
//
//	<!-- $ COMMAND -->       run it, with the repository in $REPO
//	<!-- tear N -->          in the next command a simulated card loses its power
//	                         in the N-th exchange, after it did what it was told
func checkPage(t *testing.T, path string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for a shell")
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &pageRun{t: t, page: filepath.Base(path)}
	p.chapter()
	p.run(strings.Split(string(page), "\n"))
	got := strings.Join(p.out, "\n")
	switch {
	case got == string(page) || t.Failed():
	case *update:
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not current (-update writes it): %s", path, firstDifference(string(page), got))
	}
}

// pageRun runs a page and writes it anew.
type pageRun struct {
	t    *testing.T
	page string
	out  []string
	line int
	dir  string
	env  []string
	tear string // exchange in which the card of the next command loses its power
}

func (p *pageRun) fatalf(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s:%d: %s", p.page, p.line+1, fmt.Sprintf(format, args...))
}

// chapter begins with an empty folder and no reader.
func (p *pageRun) chapter() {
	p.dir = p.t.TempDir()
	repo, err := filepath.Abs(repository)
	if err != nil {
		p.t.Fatal(err)
	}
	p.env = nil
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DESFIRE_") && !strings.HasPrefix(v, "XDG_") {
			p.env = append(p.env, v)
		}
	}
	p.env = append(p.env, "HOME="+p.dir, "REPO="+repo, "PCSCLITE_CSOCK_NAME="+p.dir+"/no-pcscd", "LC_ALL=C", seedCard+"=guide", "COLUMNS=80", "NO_COLOR=1")
}

var (
	hiddenLine = regexp.MustCompile(`^<!-- (\$|tear) (.*) -->$`)
	fenceLine  = regexp.MustCompile("^```([a-z]*)(?: (\\S+))?$")
	exitLine   = regexp.MustCompile(`^\[exit (\d+)\]$`)
)

func (p *pageRun) run(lines []string) {
	for p.line = 0; p.line < len(lines); p.line++ {
		line := lines[p.line]
		p.out = append(p.out, line)
		if strings.HasPrefix(line, "## ") {
			p.chapter()
		}
		if m := hiddenLine.FindStringSubmatch(line); m != nil {
			p.hidden(m[1], m[2])
		}
		m := fenceLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		end := p.line + 1
		for end < len(lines) && lines[end] != "```" {
			end++
		}
		if end == len(lines) {
			p.fatalf("the block has no end")
		}
		body := lines[p.line+1 : end]
		switch {
		case m[1] == "console":
			p.block(body)
		default:
			if m[2] != "" {
				p.write(m[2], strings.Join(body, "\n")+"\n")
			}
			p.out = append(p.out, body...)
		}
		p.out = append(p.out, "```")
		p.line = end
	}
}

func (p *pageRun) write(name, text string) {
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.fatalf("%v", err)
	}
}

func (p *pageRun) hidden(what, rest string) {
	if what == "$" {
		if out, code := p.sh(rest); code != 0 {
			p.fatalf("exit code %d:\n%s", code, out)
		}
		return
	}
	p.tear = rest
}

// block runs the commands of a block.
func (p *pageRun) block(body []string) {
	for i := 0; i < len(body); {
		if !strings.HasPrefix(body[i], "$ ") {
			p.fatalf("a block begins with a command, after \"$ \"")
		}
		start := i
		for i++; i < len(body) && strings.HasSuffix(body[i-1], `\`); i++ {
		}
		p.out = append(p.out, body[start:i]...)
		command := strings.TrimPrefix(strings.Join(body[start:i], "\n"), "$ ")
		want := 0
		for ; i < len(body) && !strings.HasPrefix(body[i], "$ "); i++ {
			if m := exitLine.FindStringSubmatch(body[i]); m != nil {
				_, _ = fmt.Sscan(m[1], &want)
			}
		}
		out, code := p.sh(command)
		if code != want {
			p.t.Errorf("%s: %s: exit code %d, want %d\n%s", p.page, command, code, want, out)
		}
		p.out = append(p.out, out...)
		if code != 0 {
			p.out = append(p.out, fmt.Sprintf("[exit %d]", code))
		}
	}
}

// sh runs a command as a shell would, and takes out of what it prints all that
// is different each time.
func (p *pageRun) sh(command string) (lines []string, code int) {
	if set, ok := strings.CutPrefix(command, "export "); ok {
		p.env = append(p.env, set)
		return nil, 0
	}
	cmd := exec.CommandContext(p.t.Context(), "sh", "-c", command)
	cmd.Dir, cmd.Env = p.dir, p.env
	if p.tear != "" {
		cmd.Env = append(cmd.Env[:len(p.env):len(p.env)], tearCard+"="+p.tear)
		p.tear = ""
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			p.fatalf("%s: %v", command, err)
		}
		code = exit.ExitCode()
	}
	text := out.String()
	text = strings.ReplaceAll(text, p.dir, "~")
	text = clockTime.ReplaceAllString(text, "12:00:00.000")
	text = tookTime.ReplaceAllString(text, "1.0 ms")
	text = dateTime.ReplaceAllString(text, "2026-01-01 12:00:00Z")
	text = toolBuild.ReplaceAllString(text, "by desfire")
	text = tookJSON.ReplaceAllString(text, `"ms":1.0`)
	text = purseID.ReplaceAllStringFunc(text, func(id string) string {
		if strings.Trim(id, "0") == "" {
			return id // no transaction's, but the room for an identifier
		}
		return "70757273650000000001010203040506"
	})
	text = purseGeneration.ReplaceAllString(text, "${1}707572736500")
	text = purseTMV.ReplaceAllString(text, "${1}0102030405060708")
	if code == 0 {
		text = p.fixKeys(command, text)
	}
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return nil, code
	}
	lines = strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines, code
}

var (
	clockTime = regexp.MustCompile(`\d\d:\d\d:\d\d\.\d{3}`)
	tookTime  = regexp.MustCompile(`\d+\.\d+ ms`)
	dateTime  = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ`)
	toolBuild = regexp.MustCompile(`by desfire \(?[-+.\w]+\)?`)
	// What a journal's own random numbers make of a transaction.
	purseID         = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	purseGeneration = regexp.MustCompile(`(generation  )[0-9a-f]{12}`)
	purseTMV        = regexp.MustCompile(`(transaction MAC )[0-9a-f]{16}`)
	tookJSON        = regexp.MustCompile(`"ms":\d+(\.\d+)?`)
	newKey          = regexp.MustCompile(`desfire key new .*(?:--out|-o)[ =](\S+)`)
	keyDigits       = regexp.MustCompile(`:[0-9A-Fa-f]+`)
)

// fixKeys puts a key that is always the same in the place of each random one.
func (p *pageRun) fixKeys(command, text string) string {
	for _, m := range newKey.FindAllStringSubmatch(command, -1) {
		old := p.readKey(m[1])
		data, err := os.ReadFile(filepath.Join(p.dir, m[1]))
		if err != nil {
			p.fatalf("%v", err)
		}
		sum := sha256.Sum256([]byte(m[1]))
		digits := fmt.Sprintf("%x", sum)
		p.write(m[1], keyDigits.ReplaceAllStringFunc(string(data), func(s string) string { return ":" + digits[:len(s)-1] }))
		text = strings.ReplaceAll(text, old.CheckValue().String(), p.readKey(m[1]).CheckValue().String())
	}
	return text
}

func (p *pageRun) readKey(name string) *key.Secret {
	text, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.fatalf("%v", err)
	}
	k, err := key.ParseText(text)
	if err != nil {
		p.fatalf("%v", err)
	}
	return k
}

// firstDifference is the first line in which two texts differ.
func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			now := "nothing"
			if i < len(b) {
				now = b[i]
			}
			return fmt.Sprintf("line %d says\n  %s\nand would be\n  %s", i+1, a[i], now)
		}
	}
	return "it has fewer lines"
}
