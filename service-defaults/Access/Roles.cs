namespace AuthMesh.Access;

/// <summary>The values of the <c>role</c> claim.</summary>
public static class Roles
{
    /// <summary>May use endpoints that <see cref="Policies.Admin"/> guards.</summary>
    public const string Admin = "admin";

    /// <summary>Everybody else.</summary>
    public const string User = "user";
}
