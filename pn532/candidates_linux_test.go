package pn532

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCandidates lists the files of a machine: a Raspberry Pi with four adapters.
func TestCandidates(t *testing.T) {
	root := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, target string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	for n, name := range map[string]string{
		"1": "bcm2835 (i2c@7e804000)", "10": "", "20": "fef04500.i2c hdmi", "3": "SMBus I801 adapter at f040", "4": "i915 gmbus dpb", "5": "AMDGPU DM aux hw bus 0",
	} {
		put("dev/i2c-"+n, "")
		put("sys/class/i2c-dev/i2c-"+n+"/name", name+"\n")
	}
	put("dev/spidev0.0", "")
	put("dev/spidev10.1", "")
	put("dev/i2c-", "")
	put("dev/spidev0", "")
	put("dev/ttyS0", "")
	usb := func(port, vendor, product string, deep string) {
		put("dev/"+port, "")
		dir := "sys/devices/usb1/1-" + port
		put(dir+"/idVendor", vendor+"\n")
		put(dir+"/idProduct", product+"\n")
		put(dir+deep+"/driver", "")
		link("sys/class/tty/"+port+"/device", filepath.Join(root, dir+deep))
	}
	usb("ttyUSB0", "1a86", "7523", "/1-1:1.0/ttyUSB0")
	usb("ttyUSB10", "10c4", "ea60", "/1-1:1.0/ttyUSB10")
	usb("ttyUSB2", "2341", "0043", "/1-1:1.0/ttyUSB2") // an Arduino
	usb("ttyACM0", "1a86", "55d4", "/1-1:1.0")
	link("sys/class/tty/ttyUSB7/device", filepath.Join(root, "nowhere"))
	put("proc/812/comm", "octoprint\n")
	link("proc/812/fd/3", "/dev/null")
	link("proc/812/fd/4", "/dev/ttyUSB0")
	link("proc/900/fd/1", "/dev/spidev0.0")
	put("proc/900/comm", "python3\n")
	put("proc/self/comm", "x\n")
	link(fmt.Sprintf("proc/%d/fd/1", os.Getpid()), "/dev/i2c-1")

	list, err := candidates(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range list {
		got = append(got, c.Line+" "+c.String()+" "+strings.Join(c.Holders, ","))
	}
	want := []string{
		"I2C i2c1 (bcm2835 (i2c@7e804000)) ", "I2C i2c10 ",
		"SPI spi0.0 python3 (900)", "SPI spi10.1 ",
		"HSU /dev/ttyUSB0 (CH340 1A86:7523) octoprint (812)", "HSU /dev/ttyUSB10 (CP210x 10C4:EA60) ", "HSU /dev/ttyACM0 (CH9102 1A86:55D4) ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if list, err := candidates(t.TempDir()); len(list) != 0 || err != nil {
		t.Errorf("of nothing: %v, %v", list, err)
	}
}

// TestHolders sees a program that really has a file open.
func TestHolders(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "port"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sleep := startHolding(t, f)
	if got, want := holders("/", f.Name()), fmt.Sprintf("sleep (%d)", sleep); !slices.Equal(got, []string{want}) {
		t.Errorf("held by %q, want %q", got, want)
	}
}

// startHolding starts a program that has a file open until the test ends.
func startHolding(t *testing.T, f *os.File) (pid int) {
	c := exec.Command("sleep", "600")
	c.Stdin = f
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return c.Process.Pid
}
