package dist

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// programs are what is built.
var programs = []string{"desfire", "desfire-server"}

// release is a version of everything, in memory.
type release struct {
	version  string    // as a tag says it, without v
	revision string    // of the commit
	time     time.Time // of the commit
	source   map[string][]byte
	manual   []file // pages as man1/desfire.1
	complete map[string][]byte
	built    map[System]*built
}

// built is what was built for one system.
type built struct {
	programs map[string][]byte
	info     map[string]*debug.BuildInfo
	modules  []module
	notices  []byte
}

// builder builds the commit in dir.
type builder struct {
	dir, bin string
	revision string
	log      io.Writer
}

// taken are the files of the commit that are packed as they are.
var taken = []string{
	"LICENSE", "README.md", "CHANGELOG.md", "deploy/systemd/desfire-agent.service", "deploy/systemd/desfire-leaf.service", "deploy/systemd/desfire-server.service",
	"deploy/polkit/desfire-agent.rules", "deploy/udev/70-desfire-pn532.rules", "deploy/modprobe/desfire-pn533.conf",
	"deploy/systemd/desfire-agent.service.d/pn532-i2c.conf", "deploy/systemd/desfire-agent.service.d/pn532-serial.conf", "deploy/systemd/desfire-agent.service.d/pn532-spi.conf",
}

// checkOut copies what is committed, with the tags that name it.
func (b *builder) checkOut(ctx context.Context, repository string) error {
	repository, err := filepath.Abs(repository)
	if err != nil {
		return err
	}
	changed, err := git(ctx, repository, "status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" {
		return fmt.Errorf("%s has changes that are not committed, so nobody could build the same:\n%s", repository, changed)
	}
	if b.revision, err = git(ctx, repository, "rev-parse", "HEAD"); err != nil {
		return err
	}
	fmt.Fprintln(b.log, "commit", b.revision)
	if _, err = git(ctx, repository, "-c", "core.autocrlf=false", "clone", "--quiet", "--shared", "--no-checkout", repository, b.dir); err != nil {
		return err
	}
	_, err = git(ctx, b.dir, "-c", "core.autocrlf=false", "-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", b.revision)
	return err
}

// git runs git in a folder, whoever it belongs to.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	return output(cmd)
}

// output is what a program prints; its error says what it said.
func output(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// golang is the go command for a system, with nothing that differs from machine to
// machine. GOARM is that of the first Raspberry Pi.
func (b *builder) golang(ctx context.Context, s System, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "GOOS="+s.OS, "GOARCH="+s.Arch, "CGO_ENABLED=0", "GOAMD64=v1", "GOARM=6", "GOARM64=v8.0", "GOEXPERIMENT=",
		"GOFIPS140=off", "GOFLAGS=-mod=readonly", "GOWORK=off", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	return output(cmd)
}

// loaders are what starts programs on Linux. Go's linker would take that of another ABI
// for ARM, where Debian's armhf and the Raspberry Pi have none, and that of musl on a
// machine that has it.
var loaders = map[string]string{"amd64": "/lib64/ld-linux-x86-64.so.2", "arm64": "/lib/ld-linux-aarch64.so.1", "arm": "/lib/ld-linux-armhf.so.3"}

// loads checks which loader a program for Linux asks for.
func loads(program []byte, arch string) error {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return err
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		name, err := io.ReadAll(p.Open())
		if err != nil {
			return err
		}
		if got := string(bytes.TrimRight(name, "\x00")); got != loaders[arch] {
			return fmt.Errorf("it is started by %q, want %q", got, loaders[arch])
		}
		return nil
	}
	return errors.New("it is linked without a C library: libraries of PC/SC and PKCS#11 could not be loaded")
}

// build builds the programs for a system into a folder.
func (b *builder) build(ctx context.Context, s System, dir string) error {
	fmt.Fprintln(b.log, "building", s)
	link := "-s"
	if s.OS == "linux" {
		link += " -I " + loaders[s.Arch]
	}
	args := []string{"build", "-trimpath", "-buildvcs=true", "-ldflags=" + link, "-o", dir + string(filepath.Separator)}
	for _, p := range programs {
		args = append(args, "./cmd/"+p)
	}
	_, err := b.golang(ctx, s, args...)
	return err
}

func (b *builder) release(ctx context.Context, systems []System) (*release, error) {
	r := &release{source: map[string][]byte{}, complete: map[string][]byte{}, built: map[System]*built{}}
	for _, name := range taken {
		text, err := os.ReadFile(filepath.Join(b.dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		r.source[name] = plain(text)
	}
	for _, s := range systems {
		dir := filepath.Join(b.bin, s.OS+"-"+s.Arch)
		if err := b.build(ctx, s, dir); err != nil {
			return nil, err
		}
		one, err := b.read(ctx, r, s, dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
		r.built[s] = one
	}
	here := System{runtime.GOOS, runtime.GOARCH}
	dir := filepath.Join(b.bin, here.OS+"-"+here.Arch)
	if !slices.Contains(systems, here) { // one that runs here tells manual and completions
		if err := b.build(ctx, here, dir); err != nil {
			return nil, err
		}
	}
	return r, r.ask(ctx, dir)
}

// read takes in what was built, and checks that it is what it should be.
func (b *builder) read(ctx context.Context, r *release, s System, dir string) (*built, error) {
	one := &built{programs: map[string][]byte{}, info: map[string]*debug.BuildInfo{}}
	for _, p := range programs {
		path := filepath.Join(dir, p+suffix(s))
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		info, err := buildinfo.Read(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		one.programs[p], one.info[p] = data, info
		if s.OS == "linux" {
			if err := loads(data, s.Arch); err != nil {
				return nil, fmt.Errorf("%s: %w", p, err)
			}
		}
		if err := r.agree(info, b.revision); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
	}
	var err error
	if one.modules, err = b.modules(ctx, s); err != nil {
		return nil, err
	}
	one.notices = notices(one.modules)
	return one, nil
}

// agree takes version and time from a program, or compares them.
func (r *release) agree(info *debug.BuildInfo, revision string) error {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	version := strings.TrimPrefix(info.Main.Version, "v")
	at, err := time.Parse(time.RFC3339, settings["vcs.time"])
	switch {
	case settings["vcs.revision"] != revision || settings["vcs.modified"] != "false":
		return fmt.Errorf("it says that it is built of commit %q, modified: %q", settings["vcs.revision"], settings["vcs.modified"])
	case err != nil:
		return err
	case version == "" || strings.ContainsAny(version, "+()"):
		return fmt.Errorf("%q is no version", info.Main.Version)
	case r.version != "" && r.version != version:
		return fmt.Errorf("its version is %s, that of others %s", version, r.version)
	}
	r.version, r.revision, r.time = version, revision, at.UTC()
	return nil
}

func suffix(s System) string {
	if s.OS == "windows" {
		return ".exe"
	}
	return ""
}

// ask has programs that run here write their manual and what completes them.
func (r *release) ask(ctx context.Context, dir string) error {
	here := System{OS: runtime.GOOS}
	var env []string // nothing that help could speak of
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !strings.HasPrefix(name, "DESFIRE_") && !strings.HasPrefix(name, "XDG_") && name != "HOME" {
			env = append(env, v)
		}
	}
	ask := func(program string, args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, filepath.Join(dir, program+suffix(here)), args...)
		cmd.Env = append(env, "HOME="+dir)
		return output(cmd)
	}
	man := filepath.Join(dir, "man")
	if err := os.Mkdir(man, 0o777); err != nil {
		return err
	}
	for _, p := range programs {
		if _, err := ask(p, "manual", man); err != nil {
			return err
		}
		for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
			script, err := ask(p, "completion", shell)
			if err != nil {
				return err
			}
			r.complete[p+" "+shell] = plain([]byte(script + "\n"))
		}
	}
	pages, err := os.ReadDir(man)
	if err != nil {
		return err
	}
	for _, e := range pages {
		text, err := os.ReadFile(filepath.Join(man, e.Name()))
		if err != nil {
			return err
		}
		section := strings.TrimPrefix(filepath.Ext(e.Name()), ".")
		r.manual = append(r.manual, file{name: "man" + section + "/" + e.Name(), mode: 0o644, data: text, kind: document})
	}
	if len(r.manual) < len(programs) {
		return errors.New("the programs wrote no manual")
	}
	return nil
}
