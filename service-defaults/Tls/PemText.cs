namespace AuthMesh.Tls;

internal static class PemText
{
    private const string Begin = "-----BEGIN CERTIFICATE-----"; // RFC 7468 §5.1

    /// <summary>How many certificates a text begins, also if one of them is not complete.</summary>
    public static int CountCertificates(string pem) => pem.AsSpan().Count(Begin);
}
