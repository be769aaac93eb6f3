using AuthMesh.Access;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// Groups of endpoints about the caller's account and about users. They belong to people who signed in. A key reads there what its scopes
/// name, and <see cref="Scopes.Mesh"/> is not enough: it acts as the user in services, not on the account.
/// </summary>
internal static class OwnEndpoints
{
    /// <summary>Opens the account and its keys to a key, for reading.</summary>
    public const string AccountRead = "account.read";

    /// <summary>Opens the users to a key of an admin, for reading.</summary>
    public const string UsersRead = "users.read";

    extension(IEndpointRouteBuilder app)
    {
        /// <summary>Endpoints that refuse every key.</summary>
        public RouteGroupBuilder MapForSignIns(string path) => app.Map(path, ScopeDemand.SignIn);

        /// <summary>Endpoints for sign-ins, and for keys with this scope.</summary>
        public RouteGroupBuilder MapForScope(string path, string scope) =>
            app.Map(path, new ScopeDemand(scope) { IsMeshEnough = false });

        /// <summary>Endpoints for admins who signed in, and for keys with this scope. The statement checks the stored role.</summary>
        public RouteGroupBuilder MapForAdminsOrScope(string path, string scope) =>
            app.Map(path, new ScopeDemand(scope) { IsMeshEnough = false, IsForAdmins = true });

        // Not by RequireAuthorization: it would add the default policy, which admits no key without the scope mesh.
        private RouteGroupBuilder Map(string path, ScopeDemand demand) =>
            app.MapGroup(path).WithMetadata(ScopeDemand.PolicyFor(demand));
    }
}
