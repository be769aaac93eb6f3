using System.Text;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Users;

namespace AuthMesh.Identity.Admin;

/// <summary>
/// A <see cref="MacToken"/> that says where the next page begins. Callers cannot forge one, so a later version may change its content.
/// A cursor from another search is refused.
/// </summary>
/// <param name="After">The normalized name at which the previous page ended.</param>
/// <param name="Search">The search of that page.</param>
internal sealed record UserCursor(string After, string Search)
{
    // The name, U+0000, the search. Names are ASCII and hold no U+0000.
    private static readonly MacPurpose Purpose = new("authmesh users cursor 2", (2 * Username.MaximumLength) + 1, IsFixed: false);

    public string ToText(KeyRing ring) => MacToken.Create(Purpose, Encoding.ASCII.GetBytes($"{After}\0{Search}"), ring).ToText(ring);

    /// <returns>The cursor, or null unless <see cref="ToText"/> wrote this text for this search with a key of this ring.</returns>
    public static UserCursor? TryParse(string text, string search, KeyRing ring) =>
        MacToken.TryParse(Purpose, text, ring) is { Payload: var payload }
        && Encoding.ASCII.GetString(payload).Split('\0') is [var after, var searched] && searched == search
            ? new UserCursor(after, search)
            : null;
}
