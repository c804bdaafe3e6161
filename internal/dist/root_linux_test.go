package dist

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// root is a folder that is a system of its own, with what Debian always has, and what
// the packages depend on, from the packages of this machine.
type root string

// newRoot makes one. Nothing in it was there before but packages named and what those
// depend on.
func newRoot(t *testing.T, packages ...string) root {
	t.Helper()
	r := root(t.TempDir())
	for _, dir := range []string{"usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "root", "tmp", "dev", "var/lib/dpkg/info", "var/lib/dpkg/updates"} {
		if err := os.MkdirAll(r.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.Symlink("usr/"+dir, r.path(dir)); err != nil {
			t.Fatal(err)
		}
	}
	var status strings.Builder
	for seen := map[string]bool{}; len(packages) > 0; packages = packages[1:] {
		name := packages[0]
		if seen[name] {
			continue
		}
		seen[name] = true
		status.WriteString(run(t, ".", "dpkg-query", "-s", name) + "\n")
		for path := range strings.Lines(run(t, ".", "dpkg", "-L", name)) {
			r.take(t, strings.TrimSpace(path))
		}
		for one := range strings.SplitSeq(run(t, ".", "dpkg-query", "-W", "-f", "${Pre-Depends},${Depends}", name), ",") {
			if one = strings.TrimSpace(one); one != "" {
				one, _, _ = strings.Cut(one, " ")
				packages = append(packages, strings.TrimSuffix(one, ":any"))
			}
		}
	}
	if err := os.WriteFile(r.path("var/lib/dpkg/status"), []byte(status.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(r.path("usr/bin/sh")); err != nil {
		if err := os.Symlink("dash", r.path("usr/bin/sh")); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r root) path(name string) string { return filepath.Join(string(r), name) }

// take copies a file of this machine, without what is for people to read.
func (r root) take(t *testing.T, name string) {
	info, err := os.Lstat(name)
	if err != nil || strings.HasPrefix(name, "/usr/share/") || info.IsDir() {
		return // a folder is made for what is in it
	}
	to := r.path(name)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(name)
		if err == nil {
			err = os.Symlink(target, to)
		}
		if err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
		return
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, info.Mode().Perm()); err != nil {
		t.Fatal(err)
	}
}

// state is all that is in it, but for what dpkg and rpm keep for themselves.
func (r root) state(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(string(r), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(name, string(r))
		if rel == "/var/lib/dpkg" || rel == "/var/lib/rpm" || rel == "/var/log" || rel == "/usr/lib/sysimage" {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[rel] = info.Mode().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			all[rel] += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// run is what a program in it prints.
func (r root) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command("/usr/bin/"+name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: string(r)}
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin", "HOME=/root"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("in the new root: %s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// differ tells what has changed in it.
func differ(t *testing.T, what string, before, after map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if before[name] != after[name] {
			t.Errorf("%s leaves %s: %q, before %q", what, name, after[name], before[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, ok := after[name]; !ok {
			t.Errorf("%s has taken %s away", what, name)
		}
	}
}

// installed has packages installed, used, upgraded and removed where nothing else is.
func (b *built1) installed(t *testing.T) {
	if os.Geteuid() != 0 {
		lacks(t, "only root can make another root")
	}
	needs(t, "dpkg-query")
	if arch := strings.TrimSpace(run(t, ".", "dpkg", "--print-architecture")); arch != debArch[b.system.Arch] {
		lacks(t, "this machine is "+arch)
	}
	depends := run(t, ".", "dpkg-deb", "-f", b.path(t, "desfire_", ".deb"), "Depends")
	names := []string{"dash", "coreutils"} // maintainer scripts are written for them
	for one := range strings.SplitSeq(strings.TrimSpace(depends), ",") {
		names = append(names, strings.TrimSpace(one))
	}
	r := newRoot(t, names...)
	empty := r.state(t)
	later := *b.release
	later.version = "1.2.3"
	again := func(name string, data []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("deb", func(t *testing.T) {
		dpkg := func(args ...string) string {
			return run(t, ".", "dpkg", append([]string{"--root=" + string(r), "--path-include=/usr/share/*"}, args...)...)
		}
		dpkg("-i", b.path(t, "desfire_", ".deb"), b.path(t, "desfire-server_", ".deb"))
		b.used(t, r, "usr/share/zsh/vendor-completions/_desfire", "usr/share/doc/desfire/copyright", "usr/share/doc/desfire/THIRD-PARTY-NOTICES.txt.gz", "usr/share/doc/desfire-server/changelog.gz")
		if got := dpkg("-V", "desfire", "desfire-server"); got != "" {
			t.Errorf("dpkg -V: %s", got)
		}
		for _, p := range packages {
			data, err := later.deb(p, b.system)
			path := again(p.name+".deb", data, err)
			if got := dpkg("-i", path); !strings.Contains(got, "over (1.2.3~rc.1-1)") || strings.Contains(got, "downgrading") {
				t.Errorf("an upgrade: %s", got)
			}
		}
		r.run(t, "desfire", "--version")
		dpkg("--remove", "desfire", "desfire-server")
		dpkg("--purge", "desfire", "desfire-server")
		differ(t, "dpkg", empty, r.state(t))
	})
	t.Run("rpm", func(t *testing.T) {
		rpm := func(args ...string) string {
			return run(t, ".", "rpm", append([]string{"--root", string(r), "--dbpath", "/var/lib/rpm"}, args...)...)
		}
		for _, dir := range shared {
			if err := os.MkdirAll(r.path(dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		empty := r.state(t)
		rpm("-K", "--nosignature", b.path(t, "desfire-1", ".rpm"), b.path(t, "desfire-server-1", ".rpm"))
		rpm("--nodeps", "-i", b.path(t, "desfire-1", ".rpm"), b.path(t, "desfire-server-1", ".rpm")) // it knows of no glibc here
		b.used(t, r, "usr/share/zsh/site-functions/_desfire", "usr/share/licenses/desfire/LICENSE", "usr/share/licenses/desfire-server/THIRD-PARTY-NOTICES.txt")
		if got := rpm("--nodeps", "-V", "desfire", "desfire-server"); got != "" {
			t.Errorf("rpm -V: %s", got)
		}
		for _, p := range packages {
			data, err := later.rpm(p, b.system)
			rpm("--nodeps", "-U", again(p.name+".rpm", data, err))
		}
		if got := rpm("-q", "desfire", "desfire-server"); got != "desfire-1.2.3-1.x86_64\ndesfire-server-1.2.3-1.x86_64\n" {
			t.Errorf("after an upgrade: %q", got)
		}
		r.run(t, "desfire", "--version")
		rpm("-e", "desfire", "desfire-server")
		differ(t, "rpm", empty, r.state(t))
	})
}

// shared are folders that belong to the package of the file system, and to others, where
// RPM is.
var shared = []string{
	"var/tmp", "usr/lib/udev/rules.d", "usr/lib/systemd/system", "usr/share/bash-completion/completions", "usr/share/doc", "usr/share/fish/vendor_completions.d", "usr/share/licenses",
	"usr/share/man/man1", "usr/share/man/man7", "usr/share/man/man8", "usr/share/polkit-1/rules.d", "usr/share/zsh/site-functions",
}

// A package of RPM has each folder as its own that is nobody else's, so that none is left
// when it is removed.
func TestFoldersOfRPM(t *testing.T) {
	s := System{"linux", "amd64"}
	r := &release{built: map[System]*built{s: {}}}
	others := map[string]bool{"usr/bin": true, "etc": true, "usr/share/man/man1": true}
	for _, dir := range shared {
		for ; dir != "."; dir = filepath.Dir(dir) {
			others[dir] = true
		}
	}
	for _, p := range packages {
		files, err := r.rpmFiles(p, s)
		if err != nil {
			t.Fatal(err)
		}
		own := map[string]bool{}
		for _, f := range files {
			own[strings.TrimSuffix(f.name, "/")] = f.folder()
		}
		for _, f := range files {
			if dir := filepath.Dir(strings.TrimSuffix(f.name, "/")); !others[dir] && !own[dir] {
				t.Errorf("%s: nobody has the folder of %s", p.name, f.name)
			}
		}
	}
}

// used uses what is installed, and looks for files.
func (b *built1) used(t *testing.T, r root, more ...string) {
	t.Helper()
	if got := r.run(t, "desfire", "--version"); got != "desfire v1.2.3-rc.1\n" {
		t.Errorf("%q", got)
	}
	if got := r.run(t, "desfire-server", "--version"); got != "desfire-server v1.2.3-rc.1\n" {
		t.Errorf("%q", got)
	}
	if got := r.run(t, "desfire", "demo"); !strings.Contains(got, "121314") {
		t.Errorf("desfire demo: %s", got)
	}
	if got := r.run(t, "desfire", "__complete", "value", ""); !strings.Contains(got, "debit\t") {
		t.Errorf("completion: %s", got)
	}
	script, err := os.ReadFile(r.path("usr/share/bash-completion/completions/desfire"))
	if err != nil || string(script) != r.run(t, "desfire", "completion", "bash") {
		t.Errorf("the script of bash is another one: %v", err)
	}
	for _, name := range append(more, "usr/share/man/man1/desfire.1.gz", "usr/share/man/man1/desfire-value.1.gz", "usr/share/man/man7/desfire-keys.7.gz", "usr/share/man/man8/desfire-server.8.gz",
		"usr/share/fish/vendor_completions.d/desfire.fish", "usr/lib/systemd/system/desfire-agent.service", "usr/lib/systemd/system/desfire-leaf.service",
		"usr/lib/systemd/system/desfire-server.service", "usr/share/polkit-1/rules.d/desfire-agent.rules", "usr/lib/udev/rules.d/70-desfire-pn532.rules", "usr/share/doc/desfire/examples/desfire-pn533.conf",
		"usr/share/doc/desfire/examples/desfire-agent.service.d/pn532-serial.conf", "usr/share/doc/desfire/examples/desfire-agent.service.d/pn532-i2c.conf",
		"usr/share/doc/desfire/examples/desfire-agent.service.d/pn532-spi.conf") {
		info, err := os.Stat(r.path(name))
		if err != nil || info.Mode() != 0o644 || info.Size() == 0 || info.Sys().(*syscall.Stat_t).Uid != 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	page := run(t, ".", "sh", "-c", `gzip -dc "$1" | mandoc -T utf8`, "sh", r.path("usr/share/man/man1/desfire-value.1.gz"))
	if !bytes.Contains([]byte(page), []byte("SYNOPSIS")) && !strings.Contains(page, "S\bSY\bY") {
		t.Errorf("the manual page: %s", page)
	}
	if info, err := os.Stat(r.path("etc/desfire")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of keys: %v, %v", info, err)
	}
}
