package doctor

import (
	"context"
	"fmt"
	"strings"
)

// noReader finds out why the service knows no reader.
func (x *exam) noReader() {
	x.now("the devices on USB")
	switch x.m.System() {
	case "windows":
		x.noWindowsReader()
		return
	case "darwin":
		x.noMacReader()
		return
	case "linux":
	default:
		x.find("reader-none", "USB", "", "")
		return
	}
	if x.taken() {
		return
	}
	drivers := x.bundles()
	devices, ok := x.usb(drivers)
	_, _, install := x.install()
	switch {
	case x.wsl() && len(devices) == 0:
		x.find("wsl", "WSL", "", "")
	case !ok && x.container() != "":
		x.find("container-usb", "/sys/bus/usb", "", "")
	case !ok:
		x.find("usb-none", "/sys/bus/usb", "", "")
	case len(devices) == 0:
		x.find("reader-none", "USB", "", "")
		x.portHint()
	case len(drivers) == 0:
		x.find("driver-missing", "/"+dropFolders[0], "", install)
	default:
		for _, d := range devices {
			x.notTaken(&d, drivers, install)
		}
	}
}

// taken looks for readers that something else than pcscd has, and reports whether
// there are any.
func (x *exam) taken() (any bool) {
	if x.m.System() != "linux" {
		return false
	}
	devices, _ := x.usb(x.bundles())
	for _, d := range devices {
		if module := d.kernelModule(); module != "" {
			x.find("kernel-driver", d.path, fmt.Sprintf("the module %s of the kernel has taken %s", module, d.String()), blacklist(module))
			any = true
			continue
		}
		if !d.claimed() {
			continue
		}
		holders, all := x.holders(d.node)
		holders = without(holders, "pcscd")
		switch {
		case len(holders) > 0:
			any = true
			x.find("reader-held", d.node, fmt.Sprintf("another program has %s to itself: %s", d.String(), names(holders)), letGo(holders))
		case !all:
			x.find("unseen-holders", d.node, fmt.Sprintf("a program has %s; which one only root can see", d.String()), "sudo desfire doctor")
		}
	}
	return any
}

// blacklist is the line that takes a module out of the kernel and keeps it out.
func blacklist(module string) string {
	modules := moduleFor[module]
	lines := ""
	for _, m := range modules {
		if m != "nfc_digital" {
			lines += "blacklist " + m + `\n`
		}
	}
	return fmt.Sprintf("printf '%s' | sudo tee /etc/modprobe.d/no-nfc.conf && sudo modprobe -r %s && sudo systemctl restart pcscd", lines, strings.Join(modules, " "))
}

func without(list []process, name string) (rest []process) {
	for _, p := range list {
		if p.name != name {
			rest = append(rest, p)
		}
	}
	return rest
}

// letGo is the line with which a program gives a reader back to pcscd.
func letGo(holders []process) string {
	if holders[0].name == "scdaemon" {
		return "echo disable-ccid >> ~/.gnupg/scdaemon.conf && gpgconf --kill scdaemon"
	}
	return end(holders)
}

// end is the line that ends the program that is in the way; empty for several.
func end(list []process) string {
	if len(list) > 1 {
		return ""
	}
	return fmt.Sprintf("kill %d", list[0].id)
}

// notTaken says why pcscd did not take a device.
func (x *exam) notTaken(d *device, drivers []bundle, install string) {
	for _, b := range drivers {
		if !b.has(d) {
			continue
		}
		if d.node != "" && !x.exists(inRoot(d.node)) {
			x.find("container-usb", d.node, "the device "+d.node+" is not there, although the kernel has it", "")
			return
		}
		x.find("reader-not-taken", d.path, fmt.Sprintf("pcscd has a driver for %s, %s, and did not take it", d.String(), b.title()), x.restart())
		return
	}
	var titles []string
	for _, b := range drivers {
		titles = append(titles, b.title())
	}
	what := fmt.Sprintf("no driver here knows %s; there are: %s", d.String(), strings.Join(titles, ", "))
	next := ""
	if d.vendor == acs {
		next = strings.Replace(install, "libccid", "libacsccid1", 1)
	}
	x.find("driver-unknown", d.path, what, next)
}

const acs = 0x072f // Advanced Card Systems, whose own driver is acsccid

func (b *bundle) title() string { return strings.TrimSpace(b.name + " " + b.version) }

// portHint says that there is a serial port, where a reader might be that is none of
// PC/SC.
func (x *exam) portHint() {
	list, err := ask(x, question, func(context.Context) ([]string, error) { return x.m.Candidates() })
	if err != nil {
		return
	}
	for _, c := range list {
		x.find("port-there", c, "", "desfire doctor --reader pn532:"+quotedWord(c))
	}
}
