namespace AuthMesh.Access;

/// <summary>The names of the policies that every service of the mesh knows.</summary>
public static class Policies
{
    /// <summary>
    /// Callers who signed in, and keys with the scope <see cref="Scopes.Mesh"/>. It also applies to every endpoint that names no policy.
    /// </summary>
    public const string SignedIn = "signed-in";

    /// <summary>Callers whose access token says role <c>admin</c>.</summary>
    public const string Admin = "admin";
}
