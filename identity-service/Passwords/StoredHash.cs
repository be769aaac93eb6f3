using System.Globalization;

namespace AuthMesh.Identity.Passwords;

/// <summary>
/// A password hash as the table stores it. Our own form names its scheme and pepper: <c>hmac-sha384+bcrypt:PEPPER:$2a$12$…</c>.
/// A bare <c>$2a$…</c>, <c>$2b$…</c> or <c>$2y$…</c> is plain bcrypt, imported from another system.
/// </summary>
/// <param name="PepperId">The pepper that the password was keyed with, or null for plain bcrypt.</param>
/// <param name="Bcrypt">The bcrypt part.</param>
/// <param name="WorkFactor">Its cost: bcrypt runs 2^cost rounds.</param>
internal sealed record StoredHash(string? PepperId, string Bcrypt, int WorkFactor)
{
    private const string Scheme = "hmac-sha384+bcrypt";
    private const int BcryptLength = 60; // $2a$12$ and 53 characters of salt and hash

    public override string ToString() => PepperId is null ? Bcrypt : $"{Scheme}:{PepperId}:{Bcrypt}";

    public static StoredHash Create(string pepperId, string bcrypt) =>
        TryParse($"{Scheme}:{pepperId}:{bcrypt}") ?? throw new ArgumentException("Not a bcrypt hash.", nameof(bcrypt));

    public static StoredHash? TryParse(string text)
    {
        var parts = text.Split(':');
        return parts switch
        {
            [var bcrypt] => Parse(null, bcrypt),
            [Scheme, { Length: > 0 } pepperId, var bcrypt] => Parse(pepperId, bcrypt),
            _ => null,
        };
    }

    private static StoredHash? Parse(string? pepperId, string bcrypt) =>
        bcrypt.Length == BcryptLength
        && bcrypt is ['$', '2', 'a' or 'b' or 'y', '$', _, _, '$', ..]
        && int.TryParse(bcrypt.AsSpan(4, 2), NumberStyles.None, CultureInfo.InvariantCulture, out var workFactor)
        && workFactor is >= HashingOptions.SmallestWorkFactor and <= HashingOptions.LargestWorkFactor
            ? new StoredHash(pepperId, bcrypt, workFactor)
            : null;
}
