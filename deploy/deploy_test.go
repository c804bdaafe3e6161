// Package deploy_test checks that what is in deploy can be read by what it is for.
package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hardened is what every unit has.
var hardened = map[string]string{
	"DynamicUser": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
	"NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "StateDirectoryMode": "0700", "UMask": "0077", "RestrictNamespaces": "yes",
	"MemoryDenyWriteExecute": "yes", "LimitCORE": "0", "SystemCallErrorNumber": "EPERM", "Restart": "always",
}

// The units have what systemd asks of a file, are hardened, and systemd itself finds
// nothing wrong with them where it is there.
func TestUnits(t *testing.T) {
	names, err := filepath.Glob("systemd/*.service")
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text := read(t, name)
		has := settings(t, name, text)
		for key, want := range hardened {
			if len(has[key]) != 1 || has[key][0] != want {
				t.Errorf("%s: %s is %q, want %q", name, key, has[key], want)
			}
		}
		base := strings.TrimSuffix(filepath.Base(name), ".service")
		for _, key := range []string{"User", "StateDirectory"} {
			if !slices.Equal(has[key], []string{base}) {
				t.Errorf("%s: %s is %q", name, key, has[key])
			}
		}
		if strings.HasPrefix(base, "desfire-agent") {
			if !strings.Contains(read(t, "polkit/desfire-agent.rules"), `subject.user == "`+base+`"`) {
				t.Errorf("%s: polkit knows another user", name)
			}
		}
		verify(t, name, text)
	}
}

// What lets the agent's service see devices gives back of its hardening just that, of
// whose devices each file speaks.
func TestDropIns(t *testing.T) {
	agent := read(t, "systemd/desfire-agent.service")
	names, err := filepath.Glob("systemd/desfire-agent.service.d/*.conf")
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	devices := map[string]string{
		"pn532-serial.conf": "char-ttyUSB rw, char-ttyACM rw, char-ttyAMA rw, char-ttyS rw", "pn532-i2c.conf": "char-i2c rw", "pn532-spi.conf": "char-spi rw",
	}
	groups := map[string]string{"pn532-serial.conf": "dialout", "pn532-i2c.conf": "i2c", "pn532-spi.conf": "spi"}
	for _, name := range names {
		text, base := read(t, name), filepath.Base(name)
		has := settings(t, name, text)
		for key, want := range map[string]string{"PrivateDevices": "no", "DevicePolicy": "closed", "DeviceAllow": devices[base], "SupplementaryGroups": groups[base]} {
			if got := strings.Join(has[key], ", "); got != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
			delete(has, key)
		}
		for _, module := range strings.Fields(strings.Join(has["Wants"], " ")) {
			if !strings.HasPrefix(module, "modprobe@") || !slices.Equal(has["Wants"], has["After"]) {
				t.Errorf("%s: wants %q, after %q", name, has["Wants"], has["After"])
			}
		}
		delete(has, "Wants")
		delete(has, "After")
		if len(has) > 0 {
			t.Errorf("%s: more than devices: %v", name, has)
		}
		verify(t, "desfire-agent.service", agent, name)
	}
	verify(t, "desfire-agent.service", agent, names...)
}

// settings are those of a unit or a drop-in, by name.
func settings(t *testing.T, name, text string) map[string][]string {
	t.Helper()
	line := regexp.MustCompile(`^(?:#.*|\[(Unit|Service|Install)\]|([A-Z][A-Za-z]+)=(.*)|)$`)
	has := map[string][]string{}
	for l := range strings.Lines(text) {
		m := line.FindStringSubmatch(strings.TrimSuffix(l, "\n"))
		if m == nil {
			t.Fatalf("%s: %q", name, l)
		}
		if m[2] != "" {
			has[m[2]] = append(has[m[2]], m[3])
		}
	}
	return has
}

// verify has systemd look at a unit with drop-ins, with a program that is there.
func verify(t *testing.T, name, text string, dropIns ...string) {
	t.Helper()
	systemd, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return // what can be seen without it was looked at
	}
	text = regexp.MustCompile(`(?m)^ExecStart=\S+`).ReplaceAllString(text, "ExecStart=/bin/true")
	at := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range dropIns {
		if err := os.MkdirAll(at+".d", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at+".d", filepath.Base(from)), []byte(read(t, from)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(systemd, "verify", "--man=no", at).CombinedOutput() //nolint:gosec // found in the path
	if err != nil || strings.Contains(string(out), filepath.Base(name)) {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}

// The images are built of stages that are there, and run as nobody.
func TestContainerfile(t *testing.T) {
	stages := map[string]map[string]string{}
	stage := ""
	for l := range strings.Lines(read(t, "Containerfile")) {
		words := strings.Fields(l)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		switch words[0] {
		case "FROM":
			if len(words) != 4 || words[2] != "AS" || !strings.ContainsAny(words[1], ":") {
				t.Fatalf("%q", l)
			}
			stage = words[3]
			stages[stage] = map[string]string{}
		case "COPY", "RUN", "ENV", "WORKDIR", "USER", "ENTRYPOINT", "VOLUME":
			stages[stage][words[0]] = strings.Join(words[1:], " ")
			if from, ok := strings.CutPrefix(words[1], "--from="); ok && stages[from] == nil {
				t.Errorf("no stage %s: %q", from, l)
			}
			if words[0] == "COPY" && !strings.HasPrefix(words[1], "--") && words[1] != "." && words[1] != "go.mod" {
				if _, err := os.Stat(filepath.Join("..", words[1])); err != nil {
					t.Error(err)
				}
			}
		default:
			t.Errorf("%q", l)
		}
	}
	for _, name := range []string{"server", "agent", "simulated"} {
		if s := stages[name]; s == nil || s["USER"] != "65532:65532" || s["ENTRYPOINT"] == "" {
			t.Errorf("%s: %v", name, s)
		}
	}
}

// The simulated fleet is a centre, three agents and a gate, as its script knows them.
func TestCompose(t *testing.T) {
	var f struct {
		Name     string
		Part     any `yaml:"x-part"`
		Services map[string]struct {
			Image       string
			NetworkMode string   `yaml:"network_mode"`
			ReadOnly    bool     `yaml:"read_only"`
			CapDrop     []string `yaml:"cap_drop"`
			SecurityOpt []string `yaml:"security_opt"`
			Volumes     []string
			Restart     string
			Build       struct{ Context, Dockerfile, Target string }
			Command     []string
			DependsOn   []string `yaml:"depends_on"`
			Grace       string   `yaml:"stop_grace_period"`
		}
		Volumes map[string]any
	}
	if err := yaml.UnmarshalWithOptions([]byte(read(t, "compose.yaml")), &f, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	script := read(t, "simulated/fleet.sh")
	kinds := map[string]int{}
	for name, s := range f.Services {
		if len(s.Command) == 0 || s.Image == "" || !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
			t.Fatalf("%s: %+v", name, s)
		}
		kinds[s.Command[0]]++
		if !strings.Contains(script, "fleet.sh "+s.Command[0]) {
			t.Errorf("%s: the script does not know %q", name, s.Command)
		}
		if s.Command[0] != "centre" && (len(s.Command) != 2 || s.Command[1] != name || !slices.Equal(s.DependsOn, []string{"centre"})) {
			t.Errorf("%s: %q after %q", name, s.Command, s.DependsOn)
		}
		for _, v := range s.Volumes {
			if at, _, _ := strings.Cut(v, ":"); !func() bool { _, ok := f.Volumes[at]; return ok }() {
				t.Errorf("%s: no volume %s", name, v)
			}
		}
		if s.Build.Dockerfile != "" && !strings.Contains(read(t, "Containerfile"), " AS "+s.Build.Target+"\n") {
			t.Errorf("%s: no stage %s", name, s.Build.Target)
		}
	}
	if kinds["centre"] != 1 || kinds["agent"] != 3 || kinds["gate"] != 1 {
		t.Errorf("%v", kinds)
	}
	if sh, err := exec.LookPath("sh"); err == nil && runtime.GOOS != "windows" {
		if out, err := exec.Command(sh, "-n", "simulated/fleet.sh").CombinedOutput(); err != nil { //nolint:gosec // found in the path
			t.Errorf("%v\n%s", err, out)
		}
	}
}
