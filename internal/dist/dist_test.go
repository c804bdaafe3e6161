package dist

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// requireEnv, if it is set, makes tests fail that lack what they need here.
const requireEnv = "DESFIRE_REQUIRE_PACKAGES"

// lacks ends a test that cannot run here.
func lacks(t *testing.T, why string) {
	t.Helper()
	if os.Getenv(requireEnv) != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// needs ends a test where programs are missing.
func needs(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			lacks(t, name+" is not installed: .ci/deps")
		}
	}
}

// run is what a program prints.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// commit makes a repository of the files as they lie here, committed or not, and gives
// it a tag.
func commit(t *testing.T, dir, tag string) {
	t.Helper()
	root := filepath.Join("..", "..")
	for name := range strings.SplitSeq(strings.TrimRight(run(t, root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, and not committed
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "git", "init", "--quiet")
	run(t, dir, "git", "add", "--all", "--force")
	run(t, dir, "git", "commit", "--quiet", "--no-verify", "--message", "release")
	run(t, dir, "git", "tag", tag)
}

// built1 is a release for one system, and the folder with its files.
type built1 struct {
	release *release
	system  System
	out     string
	names   []string
}

// path is the file whose name begins and ends so.
func (b *built1) path(t *testing.T, prefix, suffix string) string {
	t.Helper()
	i := slices.IndexFunc(b.names, func(name string) bool { return strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix) })
	if i < 0 {
		t.Fatalf("no %s...%s among %q", prefix, suffix, b.names)
	}
	return filepath.Join(b.out, b.names[i])
}

// A release of these files, for one system, looked at from all sides.
func TestRelease(t *testing.T) {
	needs(t, "git", "dpkg", "rpm", "mandoc")
	system := System{"linux", "amd64"}
	repository := filepath.Join(t.TempDir(), "here")
	commit(t, repository, "v1.2.3-rc.1")
	b := &built1{system: system, out: filepath.Join(t.TempDir(), "out")}
	var err error
	if b.release, err = build(t.Context(), Config{Repository: repository, Systems: []System{system}, Log: t.Output()}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(b.out, 0o777); err != nil {
		t.Fatal(err)
	}
	if b.names, err = b.release.write(b.out, b.release.artifacts([]System{system})); err != nil {
		t.Fatal(err)
	}
	t.Run("same", func(t *testing.T) { b.again(t, repository) })
	t.Run("sums", b.sums)
	t.Run("manual", b.manual)
	t.Run("sbom", b.bom)
	t.Run("root", b.installed)
}

// again builds the same commit in another folder, time zone and language, later, and
// gets the same bits.
func (b *built1) again(t *testing.T, repository string) {
	temp := filepath.Join(t.TempDir(), "a folder with another and a longer name")
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"TMPDIR": temp, "TZ": "Pacific/Auckland", "LC_ALL": "C", "GOFLAGS": "-trimpath=false", "GOAMD64": "v3", "DESFIRE_READER": "tcp:localhost:1"} {
		t.Setenv(name, value)
	}
	there := filepath.Join(t.TempDir(), "there")
	run(t, ".", "git", "clone", "--quiet", repository, there)
	out := filepath.Join(t.TempDir(), "out")
	names, err := Make(t.Context(), Config{Repository: there, Out: out, Systems: []System{b.system}, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(names, b.names) {
		t.Fatalf("%q, and %q before", names, b.names)
	}
	for _, name := range names {
		first, err := os.ReadFile(filepath.Join(b.out, name))
		if err != nil {
			t.Fatal(err)
		}
		second, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("%s is not the same", name)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := Make(t.Context(), Config{Repository: there, Out: out}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("into a folder with a release: %v", err)
	}
	if err := os.WriteFile(filepath.Join(there, "new.go"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(t.Context(), Config{Repository: there, Out: filepath.Join(out, "new")}); err == nil || !strings.Contains(err.Error(), "not committed") || !strings.Contains(err.Error(), "new.go") {
		t.Errorf("with a file that is not committed: %v", err)
	}
}

// sums are those that sha256sum finds.
func (b *built1) sums(t *testing.T) {
	needs(t, "sha256sum")
	if got := run(t, b.out, "sha256sum", "--strict", "-c", "SHA256SUMS"); strings.Count(got, ": OK\n") != len(b.names)-1 {
		t.Error(got)
	}
}

// The pages of the archive have no fault that mandoc knows, and fit a terminal.
func (b *built1) manual(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "tar", "-xzf", b.path(t, "desfire_", ".tar.gz"), "--strip-components=1")
	pages, err := filepath.Glob(filepath.Join(dir, "man", "*", "*"))
	if err != nil || len(pages) < 30 {
		t.Fatal(pages, err)
	}
	run(t, dir, "mandoc", append([]string{"-T", "lint", "-W", "warning"}, pages...)...)
	for _, p := range pages {
		text := run(t, dir, "sh", "-c", `mandoc -T utf8 -O width=80 "$1" | sed 's/.\x08//g'`, "sh", p)
		if !strings.Contains(text, "v1.2.3-rc.1") || !strings.Contains(text, "2026-01-02") || !strings.Contains(text, "DESCRIPTION") {
			t.Errorf("%s:\n%s", p, text)
		}
		for line := range strings.Lines(text) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 && !strings.Contains(line, "https://") {
				t.Errorf("%s has %d columns: %s", filepath.Base(p), n, line)
			}
		}
	}
	if got := run(t, dir, "./desfire", "version"); !strings.HasPrefix(got, "desfire v1.2.3-rc.1, ") || !strings.Contains(got, b.release.revision) {
		t.Errorf("%q", got)
	}
	if got := run(t, dir, "./desfire-server", "version"); !strings.HasPrefix(got, "desfire-server v1.2.3-rc.1, ") || !strings.Contains(got, b.release.revision) {
		t.Errorf("%q", got)
	}
	needs(t, "bash")
	run(t, dir, "bash", "-n", "completions/desfire.bash")
}
