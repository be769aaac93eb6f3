namespace AuthMesh.Identity.Accounts;

/// <summary>Who may create an account.</summary>
public enum RegistrationMode
{
    /// <summary>Everybody, at <c>/register</c>.</summary>
    Open,

    /// <summary>Admins only, who invite people.</summary>
    Invitation,

    /// <summary>Nobody.</summary>
    Closed,
}

/// <summary>The section <c>Identity:Accounts</c>.</summary>
public sealed class AccountOptions
{
    public RegistrationMode Registration { get; set; }
}
