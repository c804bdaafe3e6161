import CoreNFC
import Foundation
import Mobile

/// A till of one card at a time: each tap pays 5, exactly once, and shows what the card is. A card that is taken away too early
/// is held to the phone again; the same ticket is never paid twice.
final class Till: NSObject, NFCTagReaderSessionDelegate {
    private let keys: MobileKeys
    private let purse: MobilePurse
    private let folder: String
    private let say: (String) -> Void
    private var ticket = UUID().uuidString
    private var session: NFCTagReaderSession?

    /// layout is the file that `desfire purse init` wrote, keyring one that may debit, out of the keychain.
    init(folder: URL, layout: String, keyring: String, say: @escaping (String) -> Void) throws {
        self.folder = folder.path
        self.say = say
        keys = MobileNewKeys()!
        try keys.addKeyring(keyring, passphrase: "")
        var error: NSError?
        guard let purse = MobileOpenPurse(folder.appendingPathComponent("purse.db").path, layout, keys, &error) else {
            throw error ?? NFCReaderError(.readerErrorUnsupportedFeature)
        }
        self.purse = purse
        super.init()
    }

    func begin() {
        session = NFCTagReaderSession(pollingOption: .iso14443, delegate: self, queue: nil)
        session?.alertMessage = "Hold the card to the phone"
        session?.begin()
    }

    func tagReaderSessionDidBecomeActive(_ session: NFCTagReaderSession) {}

    func tagReaderSession(_ session: NFCTagReaderSession, didInvalidateWithError error: Error) {}

    func tagReaderSession(_ session: NFCTagReaderSession, didDetect tags: [NFCTag]) {
        guard tags.count == 1, case let .iso7816(tag) = tags[0] else {
            session.invalidate(errorMessage: "One card at a time")
            return
        }
        session.connect(to: tags[0]) { error in
            if let error = error {
                session.invalidate(errorMessage: error.localizedDescription)
                return
            }
            DispatchQueue.global().async { self.pay(Tag7816(tag: tag, session: session)) }
        }
    }

    private func pay(_ tag: Tag7816) {
        let conf = MobileNewConfig()!
        conf.folder = folder
        conf.sessionTimeout = 55_000 // an iPhone ends the session after 60 s
        // Where a function of the library returns text or an object, Swift gets its error by a pointer.
        var error: NSError?
        guard let card = MobileOpenCard7816(tag, conf, &error) else { return explain(error) }
        defer { card.close() }
        let receipt = purse.debit(card, amount: 5, request: ticket, error: &error)
        if error != nil { return explain(error) }
        ticket = UUID().uuidString // this one is paid
        let tree = card.inspect(MobileDepthTree, keys: keys, error: &error)
        say("Paid\n\(receipt)\n\n\(tree)")
    }

    private func explain(_ error: NSError?) {
        guard let f = MobileExplain(error) else { return }
        switch f.happened {
        case MobileHappenedYes: say("Paid, but: \(f.what)")
        case MobileHappenedUnknown: say("Not known yet. Hold the SAME card to the phone again.\n\(f.what)") // ticket stays
        default: say("Not paid: \(f.what)\n\(f.next)")
        }
    }

    deinit {
        try? purse.close()
        keys.close()
    }
}
