namespace AuthMesh.Client.Server;

internal static class BearerToken
{
    /// <summary>Whether it can stand in a header (RFC 6750 §2.1). What it says inside is no business of a client (RFC 9068 §6).</summary>
    public static bool IsSendable(string token) =>
        token.Length > 0 && token.All(character => char.IsAsciiLetterOrDigit(character) || "-._~+/=".Contains(character));
}
