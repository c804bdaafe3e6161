package doctor

import (
	"encoding/xml"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// device is something on USB that is a reader, as far as that can be told.
type device struct {
	vendor, product uint16
	name            string
	path            string   // in /sys
	node            string   // in /dev
	drivers         []string // of its interfaces, as the kernel has them
	ccid            bool     // it has an interface for smart cards
}

func (d *device) id() string { return fmt.Sprintf("%04x:%04x", d.vendor, d.product) }

func (d *device) String() string {
	if d.name == "" {
		return "USB " + d.id()
	}
	return fmt.Sprintf("%s (USB %s)", d.name, d.id())
}

// moduleFor are the modules of the kernel for chips of readers, and what they stand
// on, in the order in which they can be taken out.
var moduleFor = map[string][]string{
	"pn533_usb": {"pn533_usb", "pn533", "nfc"},
	"pn533":     {"pn533", "nfc"}, // before Linux 4.8
	"port100":   {"port100", "nfc_digital", "nfc"},
}

// kernelModule is the module of the kernel that has the device; empty if none has.
func (d *device) kernelModule() string {
	for _, name := range d.drivers {
		if moduleFor[name] != nil {
			return name
		}
	}
	return ""
}

// claimed reports whether a program has the device, by way of usbfs.
func (d *device) claimed() bool { return slices.Contains(d.drivers, "usbfs") }

// chips are readers that are no CCID devices, or not only: those of the tables of
// pn533_usb and port100 in Linux.
var chips = map[string]string{
	"04cc:2533": "NXP PN533", "04e6:5591": "SCM SCL3711", "054c:02e1": "Sony PaSoRi", "072f:2200": "ACS ACR122U",
	"054c:06c1": "Sony RC-S380", "054c:06c3": "Sony RC-S380",
}

// usb are the readers on USB. ok is false where that cannot be looked at.
func (x *exam) usb(known []bundle) (found []device, ok bool) {
	const folder = "sys/bus/usb/devices"
	entries, err := fs.ReadDir(x.files, folder)
	if err != nil {
		return nil, false
	}
	for _, e := range entries {
		at := folder + "/" + e.Name()
		if strings.Contains(e.Name(), ":") {
			continue // an interface
		}
		vendor, err1 := strconv.ParseUint(x.read(at+"/idVendor"), 16, 16)
		product, err2 := strconv.ParseUint(x.read(at+"/idProduct"), 16, 16)
		if err1 != nil || err2 != nil {
			continue
		}
		d := device{vendor: uint16(vendor), product: uint16(product), path: "/" + at, name: x.read(at + "/product")}
		bus, err1 := strconv.Atoi(x.read(at + "/busnum"))
		number, err2 := strconv.Atoi(x.read(at + "/devnum"))
		if err1 == nil && err2 == nil {
			d.node = fmt.Sprintf("/dev/bus/usb/%03d/%03d", bus, number)
		}
		for _, i := range entries {
			if !strings.HasPrefix(i.Name(), e.Name()+":") {
				continue
			}
			const smartCards = "0b"
			d.ccid = d.ccid || x.read(folder+"/"+i.Name()+"/bInterfaceClass") == smartCards
			if to, err := fs.ReadLink(x.files, folder+"/"+i.Name()+"/driver"); err == nil {
				d.drivers = append(d.drivers, to[strings.LastIndex(to, "/")+1:])
			}
		}
		if name := chips[d.id()]; name != "" && d.name == "" {
			d.name = name
		}
		if d.ccid || chips[d.id()] != "" || slices.ContainsFunc(known, func(b bundle) bool { return b.has(&d) }) {
			found = append(found, d)
		}
	}
	return found, true
}

// bundle is a driver of pcscd.
type bundle struct {
	path, name, version string
	devices             map[string]bool
}

func (b bundle) has(d *device) bool { return b.devices[d.id()] }

// dropFolders are where pcscd looks for drivers, as distributions build it.
var dropFolders = []string{
	"usr/lib/pcsc/drivers", "usr/lib64/pcsc/drivers", "usr/local/lib/pcsc/drivers",
	"usr/lib/x86_64-linux-gnu/pcsc/drivers", "usr/lib/aarch64-linux-gnu/pcsc/drivers", "usr/lib/arm-linux-gnueabihf/pcsc/drivers",
	"var/lib/pcsc/drivers",
}

// bundles are the drivers for devices on USB that are installed.
func (x *exam) bundles() (found []bundle) {
	for _, folder := range dropFolders {
		entries, _ := fs.ReadDir(x.files, folder)
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".bundle") {
				continue
			}
			path := folder + "/" + e.Name()
			b := readBundle(x.read(path + "/Contents/Info.plist"))
			b.path, b.name = "/"+path, strings.TrimSuffix(e.Name(), ".bundle")
			found = append(found, b)
		}
	}
	return found
}

// readBundle reads the Info.plist of a driver: arrays of vendors and of products, of
// which one of each belongs together.
func readBundle(text string) (b bundle) {
	d := xml.NewDecoder(strings.NewReader(text))
	arrays := map[string][]string{}
	var key string
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "key" && start.Name.Local != "string" {
			continue
		}
		var value string
		if d.DecodeElement(&value, &start) != nil {
			break
		}
		if start.Name.Local == "key" {
			key = value
			continue
		}
		arrays[key] = append(arrays[key], value)
	}
	if v := arrays["CFBundleShortVersionString"]; len(v) > 0 {
		b.version = v[0]
	}
	b.devices = map[string]bool{}
	products := arrays["ifdProductID"]
	for i, vendor := range arrays["ifdVendorID"] {
		v, err := strconv.ParseUint(vendor, 0, 16)
		if err != nil || i >= len(products) {
			continue
		}
		if p, err := strconv.ParseUint(products[i], 0, 16); err == nil {
			b.devices[fmt.Sprintf("%04x:%04x", v, p)] = true
		}
	}
	return b
}
