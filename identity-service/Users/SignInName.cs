namespace AuthMesh.Identity.Users;

/// <summary>
/// What a person types to say which account they mean: a name or an address. A text with <c>@</c> means the account that proved the
/// address, and only where none did, the account of that name. Otherwise somebody could register a victim's address as a name and wait.
/// </summary>
/// <param name="Name">The normalized name, or an empty text, which no account has.</param>
/// <param name="Address">The normalized address, or an empty text, which no account has.</param>
/// <param name="Text">
/// The text in the one spelling in which guesses count. A text that is neither a name nor an address is not lowercased: the result could be
/// another user's name.
/// </param>
internal sealed record SignInName(string Name, string Address, string Text)
{
    /// <summary>Whether any account can have this name or address.</summary>
    public bool IsPossible => Name.Length + Address.Length > 0;

    /// <summary>
    /// The account, in one query that reads both indexes. It costs the same for every text, also for an impossible one.
    /// </summary>
    public IQueryable<User> FindIn(IQueryable<User> users) => users
        .Where(user => user.NormalizedEmail == Address || user.NormalizedUsername == Name)
        .OrderByDescending(user => user.NormalizedEmail == Address && user.NormalizedEmail != null).Take(1);

    /// <summary>White space around the text is ignored.</summary>
    public static SignInName Parse(string text)
    {
        var name = Username.TryParse(text)?.Normalized;
        var address = EmailAddress.TryParse(Username.Trim(text))?.Normalized;
        return new SignInName(name ?? "", address ?? "", address ?? name ?? text);
    }
}
