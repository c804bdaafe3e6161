import CoreNFC
import Foundation
import Mobile

/// A tag of an iPhone as the library takes it. Jobs run on a thread of their own, and never on the session's queue: they wait here
/// for what is answered there.
final class Tag7816: NSObject, MobileTransceiver7816Protocol {
    private let tag: NFCISO7816Tag
    private let session: NFCTagReaderSession
    private let lock = NSLock()
    private var closed = false

    init(tag: NFCISO7816Tag, session: NFCTagReaderSession) {
        self.tag = tag
        self.session = session
    }

    func transceive(_ cla: Int, ins: Int, parameter1: Int, parameter2: Int, data: Data?, le: Int) throws -> MobileAnswer7816 {
        let apdu = NFCISO7816APDU(
            instructionClass: UInt8(cla), instructionCode: UInt8(ins), p1Parameter: UInt8(parameter1), p2Parameter: UInt8(parameter2),
            data: data ?? Data(), expectedResponseLength: le)
        let done = DispatchSemaphore(value: 0)
        var answer: MobileAnswer7816?
        var failure: Error?
        tag.sendCommand(apdu: apdu) { bytes, sw1, sw2, error in
            failure = error
            answer = MobileNewAnswer7816(bytes, Int(sw1), Int(sw2))
            done.signal()
        }
        done.wait() // the session ends it with an error when it ends
        if let failure = failure { throw failure }
        guard let given = answer else { throw NFCReaderError(.readerTransceiveErrorTagResponseError) }
        return given
    }

    func present() -> Bool {
        lock.lock()
        defer { lock.unlock() }
        return !closed && tag.isAvailable
    }

    func close() {
        lock.lock()
        closed = true
        lock.unlock()
        session.invalidate()
    }
}
