using System.Reflection;
using Aspire.Hosting.ApplicationModel;
using AuthMesh.Hosting;

namespace Aspire.Hosting;

/// <summary>Adds AuthMesh to an application of Aspire, and puts the application's services behind it.</summary>
public static class AuthMeshBuilderExtensions
{
    private const string Endpoint = "http", Ready = "/health/ready";
    private const int PortWithin = 8080;

    // The image of the gateway has routes to the sample service of the quick start, which is not part of this mesh.
    private static readonly string[] SampleRoutes = ["protected", "admin", "stock", "events", "live"];

    private static readonly string Version = typeof(AuthMeshBuilderExtensions).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>
    /// Adds a mesh: its gateway, under the name, and its identity service. Both run from the images of this package's version.
    /// </summary>
    /// <remarks>
    /// While you develop, the mesh runs in the environment Development at <c>http://localhost:PORT</c>. Its two secrets are generated
    /// once and kept in the user secrets of the AppHost; without user secrets, each start has new ones and needs an empty database. The
    /// images are not pulled. A published application runs in Production. It asks for the parameters <c>NAME-issuer</c>,
    /// <c>NAME-service-key</c> and <c>NAME-master-key</c>.
    /// </remarks>
    /// <param name="builder">The application.</param>
    /// <param name="name">The name of the mesh.</param>
    /// <param name="database">Its database in PostgreSQL 15 or newer.</param>
    /// <param name="port">The port of the origin on this machine, while you develop.</param>
    public static IResourceBuilder<AuthMeshResource> AddAuthMesh(
        this IDistributedApplicationBuilder builder, [ResourceName] string name,
        IResourceBuilder<IResourceWithConnectionString> database, int port = 8080)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(database);
        var isPublished = builder.ExecutionContext.IsPublishMode;
        var serviceKey = Secret(builder, name, "service-key", new GenerateParameterDefault { MinLength = 43, Special = false });
        var masterKey = Secret(builder, name, "master-key", new MasterKeyDefault());
        var issuer = isPublished
            ? ReferenceExpression.Create($"{builder.AddParameter($"{name}-issuer")}")
            : ReferenceExpression.Create($"http://localhost:{port.ToString()}");

        var identity = builder.AddResource(new AuthMeshIdentityResource($"{name}-identity"))
            .WithImage("authmesh/identity-service", Version)
            .WithHttpEndpoint(targetPort: PortWithin, name: Endpoint)
            .WithHttpHealthCheck(Ready, endpointName: Endpoint)
            .WithEnvironment("Identity__Database__ConnectionString", database)
            .WithEnvironment("Identity__MasterKey", masterKey)
            .WaitFor(database);

        var gateway = builder.AddResource(new AuthMeshResource(name, identity.Resource, serviceKey.Resource, issuer))
            .WithImage("authmesh/gateway", Version)
            .WithHttpEndpoint(port: isPublished ? null : port, targetPort: PortWithin, name: Endpoint)
            .WithExternalHttpEndpoints()
            .WithHttpHealthCheck(Ready, endpointName: Endpoint)
            .WithEnvironment("ReverseProxy__Clusters__identity__Destinations__one__Address", identity.GetEndpoint(Endpoint))
            .WithEnvironment("ReverseProxy__Clusters__resource__HealthCheck__Active__Enabled", "false")
            .WaitFor(identity);
        foreach (var route in SampleRoutes)
        {
            gateway.WithEnvironment($"ReverseProxy__Routes__{route}__Match__Path", $"/authmesh-sample/{route}");
        }

        Join(identity, gateway.Resource);
        Join(gateway, gateway.Resource);
        if (!isPublished)
        {
            // The images are not published yet. A registry that has images of these names has somebody else's.
            identity.WithImagePullPolicy(ImagePullPolicy.Never);
            gateway.WithImagePullPolicy(ImagePullPolicy.Never);
        }

        return gateway;
    }

    /// <summary>
    /// Adds alice, bob and admin, whose passwords are public (<c>password123</c>, <c>qwerty456</c>, <c>admin123</c>), while you develop.
    /// A published application has no such users.
    /// </summary>
    /// <param name="mesh">The mesh.</param>
    public static IResourceBuilder<AuthMeshResource> WithDemoUsers(this IResourceBuilder<AuthMeshResource> mesh)
    {
        ArgumentNullException.ThrowIfNull(mesh);
        return mesh.ApplicationBuilder.ExecutionContext.IsPublishMode
            ? mesh
            : mesh.WithIdentity(identity => identity.WithEnvironment("Identity__DemoUsers", "true"));
    }

    /// <summary>Configures the identity service: docs/settings.md lists its settings.</summary>
    /// <param name="mesh">The mesh.</param>
    /// <param name="change">The change.</param>
    public static IResourceBuilder<AuthMeshResource> WithIdentity(
        this IResourceBuilder<AuthMeshResource> mesh, Action<IResourceBuilder<AuthMeshIdentityResource>> change)
    {
        ArgumentNullException.ThrowIfNull(mesh);
        ArgumentNullException.ThrowIfNull(change);
        change(mesh.ApplicationBuilder.CreateResourceBuilder(mesh.Resource.Identity));
        return mesh;
    }

    /// <summary>
    /// Puts a service behind the mesh. The service gets the settings that <c>AddAuthMesh</c> of AuthMesh.ServiceDefaults needs, and the
    /// gateway gets a route to it, which it uses while <c>/health/ready</c> of the service answers 200. Call it again for another path.
    /// </summary>
    /// <typeparam name="TService">The kind of the service.</typeparam>
    /// <param name="service">A service with an endpoint named <c>http</c>.</param>
    /// <param name="mesh">The mesh.</param>
    /// <param name="path">The path of the route, as in <c>/notes/{**rest}</c>.</param>
    /// <param name="methods">The methods of the route, as in <c>GET</c>.</param>
    /// <param name="policy">
    /// The callers that the gateway admits: <c>signed-in</c>, <c>admin</c>, <c>anonymous</c>, <c>scope:NAME</c> or <c>application:NAME</c>.
    /// </param>
    public static IResourceBuilder<TService> WithAuthMesh<TService>(
        this IResourceBuilder<TService> service, IResourceBuilder<AuthMeshResource> mesh, string path, string[] methods,
        string policy = "signed-in")
        where TService : IResourceWithEnvironment, IResourceWithEndpoints, IResourceWithWaitSupport
    {
        ArgumentNullException.ThrowIfNull(service);
        ArgumentNullException.ThrowIfNull(mesh);
        ArgumentNullException.ThrowIfNull(path);
        if (!path.StartsWith('/'))
        {
            throw new ArgumentException($"The path {path} does not begin with /", nameof(path));
        }

        ArgumentNullException.ThrowIfNull(methods);
        ArgumentOutOfRangeException.ThrowIfZero(methods.Length);
        ArgumentException.ThrowIfNullOrEmpty(policy);

        var behind = ServiceBehindMesh.Find(service.Resource, mesh.Resource);
        if (behind is null)
        {
            behind = new ServiceBehindMesh(service.Resource.Name, mesh.Resource);
            service.WithAnnotation(behind)
                .WithHttpHealthCheck(Ready, endpointName: Endpoint)
                .WaitFor(mesh.ApplicationBuilder.CreateResourceBuilder(mesh.Resource.Identity));
            Join(service, mesh.Resource);
            Set(mesh, behind.Cluster(Ready));
            mesh.WithEnvironment(behind.AddressSetting, service.GetEndpoint(Endpoint));
        }

        Set(mesh, behind.NextRoute(path, methods, policy));
        return service;
    }

    private static void Set(IResourceBuilder<AuthMeshResource> mesh, IEnumerable<(string Name, string Value)> settings)
    {
        foreach (var (name, value) in settings)
        {
            mesh.WithEnvironment(name, value);
        }
    }

    // Under names of their own, because a publication may read the same user secrets.
    private static IResourceBuilder<ParameterResource> Secret(
        IDistributedApplicationBuilder builder, string mesh, string name, ParameterDefault whileDeveloping) =>
        builder.ExecutionContext.IsPublishMode
            ? builder.AddParameter($"{mesh}-{name}", secret: true)
            : builder.AddParameter($"{mesh}-development-{name}", whileDeveloping, secret: true, persist: true);

    private static void Join<T>(IResourceBuilder<T> member, AuthMeshResource mesh)
        where T : IResourceWithEnvironment
    {
        member.WithEnvironment("AuthMesh__Issuer", mesh.Issuer)
            .WithEnvironment(
                "AuthMesh__ServiceKey", member.ApplicationBuilder.CreateResourceBuilder(mesh.ServiceKey));
        if (member.ApplicationBuilder.ExecutionContext.IsRunMode)
        {
            // The issuer has no TLS here. A project without a launch profile would run in Production, which refuses that.
            member.WithEnvironment(context =>
            {
                if (!context.EnvironmentVariables.ContainsKey("DOTNET_ENVIRONMENT"))
                {
                    context.EnvironmentVariables.TryAdd("ASPNETCORE_ENVIRONMENT", "Development");
                }
            });
        }

        if (!ReferenceEquals(member.Resource, mesh.Identity))
        {
            member.WithEnvironment("AuthMesh__IdentityUrl", new EndpointReference(mesh.Identity, Endpoint));
        }
    }
}
