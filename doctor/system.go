package doctor

import (
	"regexp"
	"slices"
	"strings"
)

// packages are what installs PC/SC on a kind of Linux, by ID in /etc/os-release.
var packages = []struct {
	ids                      []string
	service, library, driver string
}{
	{[]string{"debian", "ubuntu", "raspbian"}, "sudo apt install pcscd libccid", "sudo apt install libpcsclite1 pcscd libccid", "sudo apt install libccid"},
	{[]string{"fedora", "rhel", "centos"}, "sudo dnf install pcsc-lite pcsc-lite-ccid", "sudo dnf install pcsc-lite pcsc-lite-ccid", "sudo dnf install pcsc-lite-ccid"},
	{[]string{"arch"}, "sudo pacman -S pcsclite ccid", "sudo pacman -S pcsclite ccid", "sudo pacman -S ccid"},
	{[]string{"suse", "opensuse"}, "sudo zypper install pcsc-lite pcsc-ccid", "sudo zypper install libpcsclite1 pcsc-lite pcsc-ccid", "sudo zypper install pcsc-ccid"},
	{[]string{"alpine"}, "sudo apk add pcsc-lite ccid", "sudo apk add pcsc-lite-libs pcsc-lite ccid", "sudo apk add ccid"},
	{[]string{"gentoo"}, "sudo emerge sys-apps/pcsc-lite app-crypt/ccid", "sudo emerge sys-apps/pcsc-lite app-crypt/ccid", "sudo emerge app-crypt/ccid"},
	{[]string{"void"}, "sudo xbps-install pcsclite pcsc-ccid", "sudo xbps-install pcsclite pcsc-ccid", "sudo xbps-install pcsc-ccid"},
	{[]string{"nixos"}, "services.pcscd.enable = true; in configuration.nix", "services.pcscd.enable = true; in configuration.nix", "services.pcscd.enable = true; in configuration.nix"},
}

// install are the lines that install PC/SC here; empty where that is not known.
func (x *exam) install() (service, library, driver string) {
	var ids []string
	for line := range strings.Lines(x.read("etc/os-release")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if name == "ID" || name == "ID_LIKE" {
			ids = append(ids, strings.Fields(strings.Trim(value, `"'`))...)
		}
	}
	for _, id := range ids {
		for _, p := range packages {
			if slices.Contains(p.ids, id) {
				return p.service, p.library, p.driver
			}
		}
	}
	return "", "", ""
}

// container names what keeps this program apart from the machine; empty if nothing
// does.
func (x *exam) container() string {
	switch {
	case x.m.Getenv("FLATPAK_ID") != "":
		return "flatpak"
	case x.m.Getenv("SNAP") != "":
		return "snap"
	case x.first(".dockerenv", "run/.containerenv", "run/systemd/container") != "" || x.m.Getenv("container") != "" || x.m.Getenv("KUBERNETES_SERVICE_HOST") != "":
		return "container"
	}
	return ""
}

// wsl reports whether this is a Linux inside Windows.
func (x *exam) wsl() bool {
	return strings.Contains(strings.ToLower(x.read("proc/sys/kernel/osrelease")), "microsoft")
}

// systemd reports whether systemd runs the services.
func (x *exam) systemd() bool { return x.exists("run/systemd/system") }

var plain = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// quoted is a name that goes into a line for a shell; otherwise is there for one
// that could be misread.
func quoted(name, otherwise string) string {
	if plain.MatchString(name) {
		return name
	}
	return otherwise
}
