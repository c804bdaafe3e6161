package boltjournal

import "errors"

// Close makes everything durable and gives the journal up. After a failure it says
// which.
func (j *Journal) Close() error {
	defer j.mu.Unlock()
	j.mu.Lock()
	if j.closed {
		return errClosed
	}
	j.closed = true
	close(j.wake)
	err := j.failed
	if err == nil && !j.options.ReadOnly {
		err = j.finish()
	}
	return errors.Join(err, j.release())
}

// finish makes everything durable.
func (j *Journal) finish() error {
	if len(j.pending.puts) > 0 {
		if err := j.commit(j.pending); err != nil {
			return err
		}
	}
	j.reserved = j.sequence
	if err := j.mark(); err != nil {
		return err
	}
	return j.notes.flush()
}

// release gives up what is open.
func (j *Journal) release() error {
	var errs []error
	if j.db != nil {
		errs = append(errs, j.db.close())
	}
	if j.notes != nil {
		errs = append(errs, j.notes.f.Close())
	}
	if j.lock != nil {
		errs = append(errs, j.lock.Release())
	}
	return errors.Join(errs...)
}
