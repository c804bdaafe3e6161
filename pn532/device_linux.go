package pn532

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of the kernel's i2c-dev (include/uapi/linux/i2c-dev.h) and spidev
// (include/uapi/linux/spi/spidev.h).
const (
	i2cSlave     = 0x0703
	i2cFunctions = 0x0705
	i2cTransfer  = 0x0707

	i2cPlain = 0x1 // the adapter can do plain I2C, not SMBus alone
	i2cRead  = 0x1 // the flag of a message

	spiMode    = ioctlWrite | 1<<16 | 'k'<<8 | 1
	spiLSB     = ioctlWrite | 1<<16 | 'k'<<8 | 2
	spiBits    = ioctlWrite | 1<<16 | 'k'<<8 | 3
	spiMessage = ioctlWrite | 32<<16 | 'k'<<8
)

// device is a device file that no other connection of this kind has.
type device struct{ f *os.File }

func openDevice(name string) (*device, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	d := &device{f}
	err = d.control(func(fd uintptr) error { return unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB) })
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return d, nil
}

func (d *device) control(f func(fd uintptr) error) error {
	raw, err := d.f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(fd) }); err != nil {
		return fmt.Errorf("%w: %w", os.ErrClosed, err)
	}
	return failed
}

// ask calls ioctl with a number.
func (d *device) ask(request, value uintptr) error {
	return d.control(func(fd uintptr) error {
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, fd, request, value); e != 0 {
			return e
		}
		return nil
	})
}

// hand calls ioctl with what p points at. The pointer becomes a number in the call
// itself: before it, the stack may move.
func (d *device) hand(request uintptr, p unsafe.Pointer) error {
	return d.control(func(fd uintptr) error {
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(p)); e != 0 {
			return e
		}
		return nil
	})
}

func (d *device) Close() error { return d.f.Close() }

// i2cMessage is struct i2c_msg.
type i2cMessage struct {
	address, flags, length uint16
	data                   unsafe.Pointer
}

// i2cMessages is struct i2c_rdwr_ioctl_data.
type i2cMessages struct {
	messages unsafe.Pointer
	n        uint32
}

type i2cFile struct{ *device }

func openI2C(_ context.Context, at address) (line, error) {
	d, err := openDevice(at.device)
	if err != nil {
		return nil, i2cAdvice.problem(at, err)
	}
	if err := prepareI2C(d); err != nil {
		_ = d.Close()
		return nil, i2cAdvice.problem(at, err)
	}
	return newI2C(i2cFile{d}, at), nil
}

// prepareI2C asks what the bus can do, and whether the kernel uses the chip itself.
func prepareI2C(d *device) error {
	var can uint
	if err := d.hand(i2cFunctions, unsafe.Pointer(&can)); err != nil {
		return fmt.Errorf("no I2C bus: %w", err)
	}
	if can&i2cPlain == 0 {
		return fmt.Errorf("the adapter can do SMBus only: %w", errors.ErrUnsupported)
	}
	err := d.ask(i2cSlave, i2cAddress)
	if errors.Is(err, unix.EBUSY) {
		return &advice{err, "a driver of the kernel has the chip: sudo modprobe -r pn533_i2c"}
	}
	return err
}

func (f i2cFile) transfer(read bool, p []byte) error {
	m := &i2cMessage{address: i2cAddress, length: uint16(len(p)), data: unsafe.Pointer(unsafe.SliceData(p))}
	if read {
		m.flags = i2cRead
	}
	return f.hand(i2cTransfer, unsafe.Pointer(&i2cMessages{unsafe.Pointer(m), 1}))
}

// spiTransfer is struct spi_ioc_transfer.
type spiTransfer struct {
	out, in       uint64
	length, speed uint32
	delay         uint16 // in us, after the last bit and before the chip is let go
	bits          uint8
	_             [5]uint8
}

type spiFile struct {
	*device
	speed uint32
	p     []byte // bytes out, then bytes in; the kernel gets their address as a number
}

func openSPI(_ context.Context, at address) (line, error) {
	d, err := openDevice(at.device)
	if err != nil {
		return nil, spiAdvice.problem(at, err)
	}
	for _, set := range []struct {
		request uintptr
		value   uint8
	}{{spiMode, 0}, {spiLSB, 0}, {spiBits, 8}} {
		if err := d.hand(set.request, unsafe.Pointer(&set.value)); err != nil {
			_ = d.Close()
			return nil, spiAdvice.problem(at, fmt.Errorf("no SPI device, or none that can do mode 0: %w", err))
		}
	}
	return newSPI(&spiFile{device: d, speed: uint32(at.speed), p: make([]byte, 2*(1+longestFrame))}, at), nil
}

func (f *spiFile) transfer(p []byte, hold time.Duration) error {
	if 2*len(p) > len(f.p) {
		return fmt.Errorf("%d bytes are more than a frame has", len(p))
	}
	out, in := f.p[:len(p)], f.p[len(p):2*len(p)]
	copy(out, p)
	t := &spiTransfer{
		out: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(out)))), in: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(in)))),
		length: uint32(len(p)), speed: f.speed, bits: 8, delay: uint16(hold.Microseconds()),
	}
	err := f.hand(spiMessage, unsafe.Pointer(t))
	copy(p, in)
	runtime.KeepAlive(f)
	return err
}
