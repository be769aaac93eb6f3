namespace AuthMesh.Identity.Sessions;

/// <summary>
/// The column <c>sessions.kind</c>: what gets tokens. Each way to get a token, and each change of the account, names in its statement the
/// kind that it accepts. A credential of another kind is refused there, and ends nothing.
/// </summary>
internal static class SessionKind
{
    /// <summary>A person signed in, at a browser or a client.</summary>
    public const string SignIn = "sign_in";

    /// <summary>A key of a user, for scripts. Scopes limit its tokens.</summary>
    public const string Key = "key";

    /// <summary>An application that a user let act for them. Scopes limit its tokens.</summary>
    public const string Application = "application";

    /// <summary>An application in its own name, for no user.</summary>
    public const string Service = "service";
}
