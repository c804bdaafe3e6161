package fleet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// disk is a file system of its own at dir, in a file, that can lose its power: what was
// not synced is gone then, and what was is there.
type disk struct {
	t     testing.TB
	image string
	dir   string
	cuts  int
}

// newDisk makes a disk where that is allowed: root, and a loop device.
func newDisk(t testing.TB, dir string, megabytes int) (*disk, error) {
	t.Helper()
	d := &disk{t: t, image: dir + ".ext4", dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Create(d.image)
	if err == nil {
		err = f.Truncate(int64(megabytes) << 20)
	}
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	if err := d.mount(); err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return d, nil
}

func (d *disk) mount() error {
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("mount: %w: %s", err, out)
	}
	return nil
}

// cut takes the power away: from now on nothing can be written, and nothing more is
// written of what is on its way. Programs that use the disk must be killed before back.
func (d *disk) cut() {
	d.t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	const shutdown, withoutLog = 2<<30 | 4<<16 | 'X'<<8 | 125, 2 // EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
	how := uint32(withoutLog)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&how))); e != 0 {
		d.t.Fatalf("%s: shutdown: %v", d.dir, e)
	}
	d.cuts++
}

// back brings the disk back with what it holds.
func (d *disk) back() {
	d.t.Helper()
	if err := unix.Unmount(d.dir, 0); err != nil {
		d.t.Fatalf("%s: unmount: %v", d.dir, err)
	}
	if err := d.mount(); err != nil {
		d.t.Fatal(err)
	}
}

// TestDiskLosesPower makes sure that the disk loses what was not synced, and nothing
// else: else tests on it would prove nothing.
func TestDiskLosesPower(t *testing.T) {
	d, err := newDisk(t, filepath.Join(folder(t), "disk"), 16)
	if err != nil {
		t.Skip(err)
	}
	write := func(name string, sync bool) {
		f, err := os.Create(filepath.Join(d.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		if _, err := f.WriteString(name); err != nil {
			t.Fatal(err)
		}
		if sync {
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("synced", true)
	write("lost", false)
	d.cut()
	if err := os.WriteFile(filepath.Join(d.dir, "after"), nil, 0o600); err == nil {
		t.Error("something was written after the power was gone")
	}
	d.back()
	if b, err := os.ReadFile(filepath.Join(d.dir, "synced")); err != nil || string(b) != "synced" {
		t.Errorf("what was synced: %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(d.dir, "lost")); !os.IsNotExist(err) {
		t.Errorf("what was not synced is still there: %v", err)
	}
}
