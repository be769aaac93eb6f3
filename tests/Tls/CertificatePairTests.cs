using System.Security.Cryptography;
using AuthMesh.Tls;

namespace AuthMesh.Tests.Tls;

/// <summary>Which files are served. A pair that no client could use is refused before a connection fails.</summary>
public sealed class CertificatePairTests : IDisposable
{
    private static readonly Issued Good = TestAuthority.Shared.Issue();

    private readonly CertificateFolder folder = new(Good);

    public static TheoryData<string, string> Broken => new()
    {
        { "the key of another certificate", "Tls:KeyFile holds no private key" },
        { "no key", "Tls:KeyFile holds no private key" },
        { "a cut key", "Tls:KeyFile holds no private key" },
        { "an RSA key for an ECDSA certificate", "Tls:KeyFile holds no private key" },
        { "an encrypted key", "Tls:KeyFile is encrypted" },
        { "an encrypted key of an old form", "Tls:KeyFile is encrypted" },
        { "a missing key file", "Tls:KeyFile names a file that cannot be read" },
        { "a missing certificate file", "Tls:CertificateFile names a file that cannot be read" },
        { "a folder", "Tls:CertificateFile names a file that cannot be read" },
        { "an empty certificate file", "Tls:CertificateFile must be PEM and complete" },
        { "a cut certificate", "Tls:CertificateFile must be PEM and complete" },
        { "a cut intermediate", "Tls:CertificateFile must be PEM and complete" },
        { "DER", "Tls:CertificateFile must be PEM and complete" },
        { "a certificate that is none", "Tls:CertificateFile holds a broken certificate" },
        { "the intermediate first", "Tls:KeyFile holds no private key" },
        { "a short RSA key", "Tls:CertificateFile must hold a certificate with an ECDSA key" },
    };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_ECDSA_and_an_RSA_certificate_are_accepted_with_their_intermediates(bool usesRsa)
    {
        var issued = TestAuthority.Shared.Issue(usesRsa: usesRsa);
        folder.Write(issued);

        var pair = CertificatePair.Read(Options());

        Assert.Equal(issued.SerialNumber, pair.Certificate.SerialNumber);
        Assert.Single(pair.Server.ServerCertificateContext!.IntermediateCertificates);
        Assert.False(pair.Files.IsKeyOpenToAll);
    }

    [Fact]
    public void Other_forms_of_a_key_and_both_in_one_file_are_accepted()
    {
        using var key = ECDsa.Create();
        key.ImportFromPem(Good.KeyPem);
        File.WriteAllText(folder.KeyFile, key.ExportECPrivateKeyPem()); // EC PRIVATE KEY
        Assert.Equal(Good.SerialNumber, CertificatePair.Read(Options()).Certificate.SerialNumber);

        File.WriteAllText(folder.CertificateFile, Good.KeyPem + "\n" + Good.CertificatePem);
        var options = new TlsOptions { CertificateFile = folder.CertificateFile, KeyFile = folder.CertificateFile };
        Assert.Equal(Good.SerialNumber, CertificatePair.Read(options).Certificate.SerialNumber);
    }

    [Fact]
    public void A_key_that_everybody_may_read_is_noticed_also_behind_a_link()
    {
        File.SetUnixFileMode(folder.KeyFile, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        var link = folder.KeyFile + ".link";
        File.CreateSymbolicLink(link, folder.KeyFile);

        Assert.True(CertificatePair.ReadFiles(new() { CertificateFile = folder.CertificateFile, KeyFile = link }).IsKeyOpenToAll);
    }

    [Theory]
    [MemberData(nameof(Broken))]
    public void Files_that_do_not_serve_are_refused_with_the_setting_and_without_the_key(string fault, string problem)
    {
        Break(folder, fault);

        var exception = Assert.Throws<UnusableCertificateException>(() => CertificatePair.Read(Options()));

        Assert.StartsWith(problem, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Good.KeyPem.Split('\n')[1], exception.Message, StringComparison.Ordinal);
    }

    internal static void Break(CertificateFolder folder, string fault)
    {
        var other = TestAuthority.Shared.Issue();
        var leaf = Good.CertificatePem.Replace(TestAuthority.Shared.IntermediatePem, "", StringComparison.Ordinal).Trim();
        switch (fault)
        {
            case "the key of another certificate":
                File.WriteAllText(folder.KeyFile, other.KeyPem);
                break;
            case "no key":
                File.WriteAllText(folder.KeyFile, Good.CertificatePem);
                break;
            case "a cut key":
                File.WriteAllText(folder.KeyFile, Good.KeyPem[..^30]);
                break;
            case "an RSA key for an ECDSA certificate":
                File.WriteAllText(folder.KeyFile, TestAuthority.Shared.Issue(usesRsa: true).KeyPem);
                break;
            case "an encrypted key":
                using (var key = ECDsa.Create())
                {
                    key.ImportFromPem(Good.KeyPem);
                    var way = new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1);
                    File.WriteAllText(folder.KeyFile, key.ExportEncryptedPkcs8PrivateKeyPem("a passphrase", way));
                }

                break;
            case "an encrypted key of an old form":
                File.WriteAllText(
                    folder.KeyFile,
                    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,00\n\nAAAA\n"
                    + "-----END RSA PRIVATE KEY-----\n");
                break;
            case "a missing key file":
                File.Delete(folder.KeyFile);
                break;
            case "a missing certificate file":
                File.Delete(folder.CertificateFile);
                break;
            case "a folder":
                File.Delete(folder.CertificateFile);
                Directory.CreateDirectory(folder.CertificateFile);
                break;
            case "an empty certificate file":
                File.WriteAllText(folder.CertificateFile, "");
                break;
            case "a cut certificate":
                File.WriteAllText(folder.CertificateFile, leaf[..^40]);
                break;
            case "a cut intermediate":
                File.WriteAllText(folder.CertificateFile, Good.CertificatePem[..^40]);
                break;
            case "DER":
                File.WriteAllBytes(folder.CertificateFile, [0x30, 0x82, 0x01, 0x00, 0xff]);
                break;
            case "a certificate that is none":
                File.WriteAllText(folder.CertificateFile, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
                break;
            case "the intermediate first":
                File.WriteAllText(folder.CertificateFile, TestAuthority.Shared.IntermediatePem + "\n" + leaf);
                break;
            case "a short RSA key":
                folder.Write(TestAuthority.Shared.Issue(usesRsa: true, rsaBits: 1024));
                break;
            default:
                throw new ArgumentException(fault);
        }
    }

    public void Dispose() => folder.Dispose();

    private TlsOptions Options() => new() { CertificateFile = folder.CertificateFile, KeyFile = folder.KeyFile };
}
