package pn532

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestKernelLayout compares with the kernel's headers, as the C compiler lays them out.
func TestKernelLayout(t *testing.T) {
	word := unsafe.Sizeof(uintptr(0))
	for _, x := range []struct {
		what      string
		got, want uintptr
	}{
		{"struct i2c_msg", unsafe.Sizeof(i2cMessage{}), 8 + word},
		{"i2c_msg.buf", unsafe.Offsetof(i2cMessage{}.data), 8},
		{"struct i2c_rdwr_ioctl_data", unsafe.Sizeof(i2cMessages{}), 2 * word},
		{"i2c_rdwr_ioctl_data.nmsgs", unsafe.Offsetof(i2cMessages{}.n), word},
		{"struct spi_ioc_transfer", unsafe.Sizeof(spiTransfer{}), 32},
		{"spi_ioc_transfer.len", unsafe.Offsetof(spiTransfer{}.length), 16},
		{"spi_ioc_transfer.speed_hz", unsafe.Offsetof(spiTransfer{}.speed), 20},
		{"spi_ioc_transfer.delay_usecs", unsafe.Offsetof(spiTransfer{}.delay), 24},
		{"spi_ioc_transfer.bits_per_word", unsafe.Offsetof(spiTransfer{}.bits), 26},
		{"SPI_IOC_MESSAGE(1)", spiMessage, 0x40206B00},
		{"SPI_IOC_WR_MODE", spiMode, 0x40016B01},
		{"SPI_IOC_WR_LSB_FIRST", spiLSB, 0x40016B02},
		{"SPI_IOC_WR_BITS_PER_WORD", spiBits, 0x40016B03},
	} {
		if x.got != x.want {
			t.Errorf("%s: %#x, want %#x", x.what, x.got, x.want)
		}
	}
}

// TestOpenDevice: files that are not there, are no bus, and are in use.
func TestOpenDevice(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "i2c-1")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	problem := func(name string) Problem {
		t.Helper()
		for _, at := range []address{{text: name, line: "I2C", device: name}, {text: name, line: "SPI", device: name}} {
			_, err := openLine(t.Context(), at, new(Config))
			var e *LineError
			if !errors.As(err, &e) {
				t.Fatalf("%s: %v", name, err)
			}
			if at.line == "SPI" {
				return e.Problem
			}
		}
		return 0
	}
	if got := problem(filepath.Join(dir, "none")); got != NotThere {
		t.Errorf("missing: %v", got)
	}
	if got := problem(file); got != Failed {
		t.Errorf("no bus: %v", got)
	}
	d, err := openDevice(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := problem(file); got != InUse {
		t.Errorf("in use: %v", got)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := problem(file); got != Failed {
		t.Errorf("free again: %v", got)
	}
	if err := d.ask(i2cSlave, i2cAddress); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	var e unix.Errno
	if _, err := openI2C(t.Context(), address{text: "x", line: "I2C", device: file}); !errors.As(err, &e) || e != unix.ENOTTY {
		t.Errorf("the kernel's error is lost: %v", err)
	}
}
