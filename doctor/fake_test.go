package doctor

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
)

// machine is one that a test describes.
type machine struct {
	system     string
	files      fstest.MapFS
	env        map[string]string
	user       User
	groups     map[string]string
	denied     map[string]bool  // files that this user may not read and write
	dial       map[string]error // by network and address; what is not here cannot be reached
	run        map[string]printed
	pcsc       *pcscStack
	probe      map[string]error // by address; nil answers
	candidates []string
	listing    error         // why these are not all
	hangs      chan struct{} // each question waits for its end
}

type printed struct {
	out string
	err error
}

func (m *machine) wait() {
	if m.hangs != nil {
		<-m.hangs
	}
}

func (m *machine) System() string            { return m.system }
func (m *machine) Files() fs.FS              { return m.files }
func (m *machine) Folder() string            { return "/home/ann" }
func (m *machine) Getenv(name string) string { return m.env[name] }
func (m *machine) User() User                { return m.user }

func (m *machine) Group(name string) (string, error) {
	g, ok := m.groups[name]
	if !ok {
		return "", fs.ErrNotExist
	}
	return g, nil
}

func (m *machine) May(name string) error {
	if m.denied[name] {
		return &fs.PathError{Op: "access", Path: name, Err: fs.ErrPermission}
	}
	return nil
}

func (m *machine) Dial(_ context.Context, network, address string) error {
	m.wait()
	err, ok := m.dial[network+" "+address]
	if !ok {
		return fs.ErrNotExist
	}
	return err
}

func (m *machine) Run(_ context.Context, name string, args ...string) (string, error) {
	m.wait()
	p, ok := m.run[strings.Join(append([]string{name}, args...), " ")]
	if !ok {
		return "", fs.ErrNotExist
	}
	return p.out, p.err
}

func (m *machine) Candidates() ([]string, error) { return m.candidates, m.listing }

func (m *machine) Probe(_ context.Context, address string) (string, error) {
	m.wait()
	err, ok := m.probe[address]
	if !ok {
		panic("nobody asked for a word to " + address)
	}
	return "PN532 v1.6", err
}

func (m *machine) PCSC() (Readers, error) {
	m.wait()
	if m.pcsc == nil {
		return nil, pcsc.ErrUnavailable
	}
	return m.pcsc, m.pcsc.load
}

// pcscStack is what PC/SC answers.
type pcscStack struct {
	load error
	list []pcsc.ReaderInfo
	err  error
	card func() (desfire.Transport, error)
}

func (s *pcscStack) List(context.Context) ([]pcsc.ReaderInfo, error) { return s.list, s.err }

func (s *pcscStack) Open(context.Context, string) (desfire.Transport, error) { return s.card() }

// change makes a machine another one.
type change func(*machine)

// debian is a Debian with systemd, on which everything is installed and runs, and
// no reader.
func debian(changes ...change) *machine {
	m := &machine{
		system: "linux", env: map[string]string{}, user: User{Name: "ann", Groups: []string{"ann"}},
		groups: map[string]string{}, denied: map[string]bool{}, dial: map[string]error{}, run: map[string]printed{}, probe: map[string]error{},
		pcsc: &pcscStack{err: &pcsc.OpError{Op: "list the readers", Err: pcsc.ErrNoReader}},
		files: fstest.MapFS{
			"etc/os-release":              text("PRETTY_NAME=\"Debian GNU/Linux 13\"\nID=debian\n"),
			"run/systemd/system":          {Mode: fs.ModeDir | 0o755},
			"run/pcscd/pcscd.comm":        {Mode: fs.ModeSocket | 0o666},
			"usr/sbin/pcscd":              text("\x7fELF"),
			"sys/bus/usb/devices":         {Mode: fs.ModeDir | 0o755},
			"proc/sys/kernel/osrelease":   text("6.12.48+deb13-amd64\n"),
			"proc/self":                   link("700"),
			"usr/lib/pcsc/drivers/serial": {Mode: fs.ModeDir | 0o755},
		},
	}
	for _, c := range append([]change{program(1, "systemd"), program(600, "pcscd"), program(700, "desfire"), driver("ifd-ccid", "1.6.2", "0x072F:0x2200", "0x076B:0x5427")}, changes...) {
		c(m)
	}
	return m
}

func text(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s), Mode: 0o644} }
func link(to string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
}

func program(id int, name string) change { return programIn(id, name, 'S') }

func programIn(id int, name string, state byte) change {
	return func(m *machine) {
		m.files["proc/"+itoa(id)+"/stat"] = text(itoa(id) + " (" + name + ") " + string(state) + " 1 1 1 0 -1")
		m.files["proc/"+itoa(id)+"/fd"] = &fstest.MapFile{Mode: fs.ModeDir | 0o500}
	}
}

func lacking(names ...string) change {
	return func(m *machine) {
		for _, n := range names {
			maps.DeleteFunc(m.files, func(f string, _ *fstest.MapFile) bool { return f == n || strings.HasPrefix(f, n+"/") })
		}
	}
}

func file(name, content string) change {
	return func(m *machine) { m.files[name] = text(content) }
}

func env(name, value string) change { return func(m *machine) { m.env[name] = value } }

// opened lets a program have a file open.
func opened(id int, path string) change {
	return func(m *machine) { m.files["proc/"+itoa(id)+"/fd/7"] = link(path) }
}

// secret hides what a program has open, as /proc does from other users.
func secret(id int) change {
	return func(m *machine) {
		m.files["proc/"+itoa(id)+"/fd"] = &fstest.MapFile{Mode: 0o000, Data: []byte("no folder")}
	}
}

// driver installs a driver of pcscd for devices.
func driver(name, version string, devices ...string) change {
	return func(m *machine) {
		list := func(key string, part int) string {
			s := "<key>" + key + "</key><array>"
			for _, d := range devices {
				s += "<string>" + strings.Split(d, ":")[part] + "</string>"
			}
			return s + "</array>"
		}
		m.files["usr/lib/pcsc/drivers/"+name+".bundle/Contents/Info.plist"] = text(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>CFBundleShortVersionString</key><string>` + version + "</string>" + list("ifdVendorID", 0) + list("ifdProductID", 1) + "</dict></plist>")
	}
}

// plugged is a device on USB, its interface with a driver of the kernel or none.
func plugged(id, name, class, kernel string) change {
	return func(m *machine) {
		const at = "sys/bus/usb/devices/1-3"
		vendor, product, _ := strings.Cut(id, ":")
		m.files[at+"/idVendor"], m.files[at+"/idProduct"] = text(vendor+"\n"), text(product+"\n")
		m.files[at+"/product"] = text(name + "\n")
		m.files[at+"/busnum"], m.files[at+"/devnum"] = text("1\n"), text("4\n")
		m.files[at+":1.0/bInterfaceClass"] = text(class + "\n")
		if kernel != "" {
			m.files[at+":1.0/driver"] = link("../../../../bus/usb/drivers/" + kernel)
		}
		m.files["dev/bus/usb/001/004"] = &fstest.MapFile{Mode: fs.ModeDevice | fs.ModeCharDevice | 0o664}
	}
}

// pcscFails lets PC/SC answer with an error.
func pcscFails(err error) change {
	return func(m *machine) { m.pcsc = &pcscStack{err: &pcsc.OpError{Op: "list the readers", Err: err}} }
}

const noService pcsc.Error = 0x8010001D

// has gives PC/SC readers.
func has(list ...pcsc.ReaderInfo) change {
	return func(m *machine) { m.pcsc = &pcscStack{list: list} }
}

// units is what systemd says of pcscd.
func units(socket, service string) change {
	return func(m *machine) {
		m.run["systemctl show pcscd.socket pcscd.service --property=Id,LoadState,ActiveState,UnitFileState,Result"] =
			printed{"Id=pcscd.socket\n" + socket + "\n\nId=pcscd.service\n" + service + "\n", nil}
	}
}

func dialed(network, address string, err error) change {
	return func(m *machine) { m.dial[network+" "+address] = err }
}

// examine gives the findings of a machine, by ID.
func examine(t *testing.T, m Machine, config *Config) map[string]Finding {
	t.Helper()
	found := map[string]Finding{}
	for _, f := range Examine(t.Context(), m, config) {
		found[f.ID] = f
		if os.Getenv("DOCTOR_SHOW") != "" {
			t.Logf("%-6s %-18s %s | %s\n      %s", f.Severity, f.ID, f.What, f.Where, f.Next)
		}
	}
	return found
}
