package pn532

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Candidate is a line of this machine on which a PN532 may be.
type Candidate struct {
	Address string // without "pn532:"
	Line    string // HSU, I2C, SPI
	What    string // what the system says of the device: "CH340 1A86:7523"
	// Holders are the programs that have the device open, as far as this user may
	// see them: "python3 (812)".
	Holders []string
}

func (c Candidate) String() string {
	s := c.Address
	if c.What != "" {
		s += " (" + c.What + ")"
	}
	return s
}

// Candidates lists the I2C and SPI buses of this machine and the serial ports at USB
// adapters with which a PN532 is met. It opens none of them. Serial ports that are no
// USB adapters, such as the pins of a Raspberry Pi, are not among them. The error
// tells what could not be listed; what could is returned with it.
func Candidates() ([]Candidate, error) { return candidates("/") }

// candidates takes the files of the system from a folder.
func candidates(root string) ([]Candidate, error) {
	list := append(i2cBuses(root), spiDevices(root)...)
	ports, err := serialPorts(root)
	list = append(list, ports...)
	for i := range list {
		list[i].Holders = holders(root, list[i].device())
	}
	return list, err
}

func (c Candidate) device() string {
	at, err := parseAddress(c.Address)
	if err != nil {
		return c.Address
	}
	return at.device
}

// otherI2C is in the names of buses that lead to screens and to the parts of a
// mainboard, where nobody connects a reader and a stray read may do harm.
var otherI2C = regexp.MustCompile(`(?i)smbus|gmbus|ddc|hdmi|\baux\b|\bdp\b|dpmst|i915|nvidia|nouveau|radeon|amdgpu`)

func i2cBuses(root string) (list []Candidate) {
	for _, name := range files(root, "dev/i2c-*") {
		at, ok := busAddress("/dev/" + name)
		what := firstLine(filepath.Join(root, "sys/class/i2c-dev", name, "name"))
		if ok && !otherI2C.MatchString(what) {
			list = append(list, Candidate{Address: "i2c" + strings.TrimPrefix(at.device, "/dev/i2c-"), Line: at.line, What: what})
		}
	}
	return list
}

func spiDevices(root string) (list []Candidate) {
	for _, name := range files(root, "dev/spidev*") {
		if at, ok := busAddress("/dev/" + name); ok {
			list = append(list, Candidate{Address: "spi" + strings.TrimPrefix(at.device, "/dev/spidev"), Line: at.line})
		}
	}
	return list
}

// files are the names of files, in the order of their numbers.
func files(root, pattern string) (names []string) {
	found, _ := filepath.Glob(filepath.Join(root, pattern)) // the patterns are right
	for _, f := range found {
		names = append(names, filepath.Base(f))
	}
	slices.SortStableFunc(names, func(a, b string) int { return len(a) - len(b) })
	return names
}

func firstLine(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}

// usbSerial are the USB adapters with which a PN532 is met, by what they call
// themselves.
var usbSerial = map[string]string{
	"1A86:5523": "CH341", "1A86:7522": "CH340K", "1A86:7523": "CH340", "1A86:55D3": "CH343", "1A86:55D4": "CH9102",
	"10C4:EA60": "CP210x", "10C4:EA61": "CP210x", "10C4:EA63": "CP210x", "10C4:EA70": "CP2105", "10C4:EA71": "CP2108",
	"0403:6001": "FT232R", "0403:6010": "FT2232", "0403:6011": "FT4232", "0403:6014": "FT232H", "0403:6015": "FT231X",
	"067B:2303": "PL2303", "067B:23A3": "PL2303GC", "067B:23B3": "PL2303GB", "067B:23C3": "PL2303GT",
	"067B:23D3": "PL2303GL", "067B:23E3": "PL2303GE", "067B:23F3": "PL2303GS",
}

// usbCandidate is a serial port, if its adapter is one of those.
func usbCandidate(port, vendor, product string) (Candidate, bool) {
	id := strings.ToUpper(vendor + ":" + product)
	name, ok := usbSerial[id]
	return Candidate{Address: port, Line: "HSU", What: name + " " + id}, ok
}

// errNoList is why no serial ports are listed.
func errNoList(system string) error {
	return fmt.Errorf("pn532: serial ports cannot be listed on %s: name one, such as pn532:/dev/ttyUSB0: %w", system, errors.ErrUnsupported)
}
