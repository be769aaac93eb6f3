using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Platform;

/// <summary>
/// The services, endpoints, entities and settings of one folder. <c>Modules.cs</c> lists all modules; the program and the tests that pin
/// endpoints, entities and settings read that list.
/// </summary>
/// <param name="Name">The folder's name.</param>
internal sealed record Module(string Name)
{
    /// <summary>Registers the folder's services.</summary>
    public Action<IServiceCollection> AddServices { get; init; } = _ => { };

    /// <summary>Maps the folder's endpoints.</summary>
    public Action<IEndpointRouteBuilder> MapEndpoints { get; init; } = _ => { };

    /// <summary>Adds the folder's entities to the model of the database.</summary>
    public Action<ModelBuilder> MapEntities { get; init; } = _ => { };

    /// <summary>The options classes whose settings are below <c>Identity</c>.</summary>
    public IReadOnlyList<Type> Settings { get; init; } = [];
}
