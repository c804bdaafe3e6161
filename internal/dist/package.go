package dist

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// pack is a package of a Linux distribution.
type pack struct {
	name, section string
	units         []string
	summary       string
	description   []string // paragraphs
	readers       bool     // it reaches readers of this machine
}

const (
	homepage   = "https://github.com/go-desfire/desfire"
	maintainer = "go-desfire <go-desfire@users.noreply.github.com>"
)

var packages = []pack{
	{
		name: "desfire", section: "utils", units: []string{"desfire-agent.service"}, readers: true,
		summary: "work with MIFARE DESFire cards",
		description: []string{
			"Reads, writes and makes MIFARE DESFire cards of every generation on PC/SC readers and others, on a command line and on a page in the browser. " +
				"Purses debit exactly once, layouts say in YAML what cards should be, and a simulated card does for a real one.",
			"The service desfire-agent offers the readers of this machine to a fleet. It is not started before somebody enables it.",
		},
	},
	{
		name: "desfire-server", section: "net", units: []string{"desfire-leaf.service", "desfire-server.service"},
		summary: "centre of a fleet of MIFARE DESFire readers",
		description: []string{
			"Lets readers in many places join, keeps their keys and the ledger of what was debited, and shows the fleet on a page. It has a NATS server inside.",
			"The services desfire-server, the centre, and desfire-leaf, the server of a site, are not started before somebody enables them.",
		},
	},
}

var (
	debArch = map[string]string{"amd64": "amd64", "arm64": "arm64", "arm": "armhf"}
	rpmArch = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "arm": "armv6hl"}
)

// packageVersion is a version as dpkg and rpm compare it: what comes before a release
// sorts before it.
func (r *release) packageVersion() string {
	version, before, ok := strings.Cut(r.version, "-")
	if ok {
		version += "~" + strings.ReplaceAll(before, "-", ".")
	}
	return version
}

// common is what packages of all kinds have.
func (r *release) common(p pack, s System) []file {
	files := []file{
		{name: "usr/bin/" + p.name, mode: 0o755, data: r.built[s].programs[p.name]},
		{name: "usr/share/bash-completion/completions/" + p.name, data: r.complete[p.name+" bash"]},
		{name: "usr/share/fish/vendor_completions.d/" + p.name + ".fish", data: r.complete[p.name+" fish"]},
		{name: "etc/desfire/", mode: 0o700}, // keys and tokens of services
	}
	for _, u := range p.units {
		files = append(files, file{name: "usr/lib/systemd/system/" + u, data: r.source["deploy/systemd/"+u]})
	}
	if p.readers {
		files = append(files,
			file{name: "usr/share/polkit-1/rules.d/desfire-agent.rules", data: r.source["deploy/polkit/desfire-agent.rules"]},
			file{name: "usr/lib/udev/rules.d/70-desfire-pn532.rules", data: r.source["deploy/udev/70-desfire-pn532.rules"]},
			file{name: "usr/share/doc/" + p.name + "/examples/desfire-pn533.conf", data: r.source["deploy/modprobe/desfire-pn533.conf"], kind: document})
		for _, line := range []string{"serial", "i2c", "spi"} {
			name := "desfire-agent.service.d/pn532-" + line + ".conf"
			files = append(files, file{name: "usr/share/doc/" + p.name + "/examples/" + name, data: r.source["deploy/systemd/"+name], kind: document})
		}
	}
	return files
}

// pages are the manual pages of a package, compressed.
func (r *release) pages(p pack) (files []file, err error) {
	for _, f := range r.manual {
		server := strings.HasPrefix(path.Base(f.name), "desfire-server.")
		if server != (p.name == "desfire-server") {
			continue
		}
		f.name = "usr/share/man/" + f.name + ".gz"
		if f.data, err = gzipped(f.data); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// finished is files in order, with permissions.
func finished(files []file) []file {
	for i := range files {
		if files[i].mode == 0 {
			files[i].mode = 0o644
		}
	}
	return sorted(files)
}

// folders adds the folders in which files are.
func folders(files []file) []file {
	have := map[string]bool{}
	for _, f := range files {
		have[f.name] = true
	}
	add := map[string]bool{}
	for _, f := range files {
		for dir := path.Dir(strings.TrimSuffix(f.name, "/")); dir != "."; dir = path.Dir(dir) {
			if !have[dir+"/"] {
				add[dir+"/"] = true
			}
		}
	}
	for _, dir := range slices.Collect(maps.Keys(add)) {
		files = append(files, file{name: dir, mode: 0o755})
	}
	return sorted(files)
}

// folded is text in lines of a width.
func folded(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// unitList is units as a shell takes them.
func unitList(p pack) string { return strings.Join(p.units, " ") }

// size is how much files take, in bytes.
func size(files []file) (n int) {
	for _, f := range files {
		n += len(f.data)
	}
	return n
}

func (p pack) changelogName(file string) string {
	return fmt.Sprintf("usr/share/doc/%s/%s", p.name, file)
}
